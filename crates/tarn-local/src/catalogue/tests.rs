#![allow(clippy::unwrap_used, reason = "a failed test may panic")]
use std::collections::BTreeMap;

use tarn_pipeline::names::Key;
use tarn_pipeline::ports::{Column, Part, TableKind};

use super::*;

fn entry(name: &str) -> TableEntry {
    let part = Part { values: vec![], location: Key::new("model/x/"), run: None };
    TableEntry {
        name: name.to_owned(),
        kind: TableKind::Table { parts: vec![part] },
        columns: vec![Column::new("a", "int")],
        partition_keys: vec![],
        description: None,
        run: None,
        parameters: BTreeMap::new(),
        version: 0,
    }
}

#[tokio::test]
async fn entries_are_published_listed_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = LocalCatalogue::new(folder.path().join("catalogue"));
    assert_eq!(catalogue.get("sessions").await.unwrap(), None);
    assert!(catalogue.list().await.unwrap().is_empty());
    catalogue.remove("sessions").await.unwrap();
    for name in ["sessions", "名前", &"x".repeat(255)] {
        assert_eq!(catalogue.publish(entry(name)).await.unwrap().version, 1);
    }
    assert_eq!(catalogue.list().await.unwrap(), ["sessions".to_owned(), "x".repeat(255), "名前".to_owned()]);
    assert_eq!(catalogue.get("名前").await.unwrap().unwrap().columns, entry("名前").columns);
    catalogue.remove("名前").await.unwrap();
    catalogue.remove("名前").await.unwrap();
    assert_eq!(catalogue.get("名前").await.unwrap(), None);
}

#[tokio::test]
async fn of_two_changes_to_one_version_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = LocalCatalogue::new(folder.path());
    let first = catalogue.publish(entry("t")).await.unwrap();
    let changes = (0..8).map(|_| {
        let (catalogue, entry) = (LocalCatalogue::new(folder.path()), first.clone());
        tokio::spawn(async move { catalogue.publish(entry).await })
    });
    let outcomes: Vec<_> = futures::future::join_all(changes).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for lost in outcomes.into_iter().filter_map(Result::err) {
        assert!(matches!(lost, CatalogueError::Conflict { expected: 1, found: 2, .. }), "{lost}");
        assert!(lost.is_retryable());
    }
    assert_eq!(catalogue.get("t").await.unwrap().unwrap().version, 2);
}

#[tokio::test]
async fn a_new_table_is_not_published_twice() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = LocalCatalogue::new(folder.path());
    catalogue.publish(entry("t")).await.unwrap();
    let refused = catalogue.publish(entry("t")).await;
    assert!(matches!(refused, Err(CatalogueError::Conflict { expected: 0, found: 1, .. })));
}

#[tokio::test]
async fn a_damaged_file_is_named_and_can_be_removed() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = LocalCatalogue::new(folder.path());
    catalogue.publish(entry("t")).await.unwrap();
    catalogue.publish(entry("other")).await.unwrap();
    for damage in ["{\"name\": \"t\", \"kin", "", "[1]", &fs::read_to_string(folder.path().join("other.json")).unwrap()]
    {
        fs::write(folder.path().join("t.json"), damage).unwrap();
        let message = catalogue.get("t").await.unwrap_err().to_string();
        assert!(message.starts_with("the catalogue entry of `t` is damaged: file `"), "{message}");
        assert!(message.contains("t.json"), "{message}");
        assert!(catalogue.publish(entry("t")).await.is_err());
    }
    catalogue.remove("t").await.unwrap();
    catalogue.publish(entry("t")).await.unwrap();
}
