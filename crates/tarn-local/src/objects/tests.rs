#![allow(clippy::unwrap_used, reason = "a failed test may panic")]
use std::io::Write;

use super::*;

fn bucket() -> (tempfile::TempDir, LocalObjects) {
    let folder = tempfile::tempdir().unwrap();
    let objects = LocalObjects::new(folder.path().join("lake"));
    (folder, objects)
}

async fn keys(objects: &LocalObjects, prefix: &str) -> Vec<String> {
    let listed = objects.list(&Key::new(prefix)).await.unwrap();
    listed.into_iter().map(|object| object.key.as_str().to_owned()).collect()
}

#[tokio::test]
async fn what_is_put_is_got_and_listed_by_key() {
    let (_folder, objects) = bucket();
    assert!(keys(&objects, "").await.is_empty());
    for key in ["a/2", "a/10", "a-b", "a/名前=東京 %2F/x.parquet", "b"] {
        objects.put(&Key::new(key), Bytes::from(key.to_owned())).await.unwrap();
    }
    assert_eq!(keys(&objects, "").await, ["a-b", "a/10", "a/2", "a/名前=東京 %2F/x.parquet", "b"]);
    assert_eq!(keys(&objects, "a/").await, ["a/10", "a/2", "a/名前=東京 %2F/x.parquet"]);
    assert_eq!(keys(&objects, "a/1").await, ["a/10"]);
    assert_eq!(keys(&objects, "a").await.len(), 4);
    let key = Key::new("a/名前=東京 %2F/x.parquet");
    assert_eq!(objects.get(&key).await.unwrap(), key.as_str());
    assert_eq!(objects.key_of(&objects.uri(&key)), Some(key));
}

#[tokio::test]
async fn no_key_leads_out_of_the_bucket() {
    let (_folder, objects) = bucket();
    for key in ["../x", "a/../../x", "a//b", ".tarn-tmp/x", "a/./b", "a\\b", "folder/"] {
        let refused = objects.put(&Key::new(key), Bytes::new()).await;
        assert!(matches!(refused, Err(ObjectError::Io { .. })), "{key}");
    }
    assert_eq!(objects.key_of("/elsewhere/x"), None);
    assert_eq!(objects.key_of(&format!("{}-old/x", objects.root().display())), None);
    assert_eq!(objects.key_of(&format!("{}/../x", objects.root().display())), None);
}

#[tokio::test]
async fn an_object_is_seen_whole_or_not_at_all() {
    let (_folder, objects) = bucket();
    let key = Key::new("model/x/part.parquet");
    let mut dropped = objects.create(&key).unwrap();
    dropped.write_all(b"half").unwrap();
    assert!(keys(&objects, "").await.is_empty());
    drop(dropped);
    assert!(matches!(objects.get(&key).await, Err(ObjectError::NotFound(_))));

    let mut finished = objects.create(&key).unwrap();
    finished.write_all(b"whole").unwrap();
    finished.finish().unwrap();
    let reader = objects.open(&key).unwrap();
    assert_eq!(reader.size(), 5);
    assert_eq!(reader.read(1, 3).unwrap(), "hol");
    assert!(reader.read(3, 3).is_err());
    assert!(reader.read(u64::MAX, 3).is_err());
    let unfinished = fs::read_dir(objects.unfinished().unwrap()).unwrap();
    assert_eq!(unfinished.count(), 1, "only the lock is left");
}

#[tokio::test]
async fn deleting_the_last_object_removes_its_folders_but_not_the_bucket() {
    let (_folder, objects) = bucket();
    let (first, second) = (Key::new("a/b/1"), Key::new("a/c/2"));
    objects.put(&first, Bytes::new()).await.unwrap();
    objects.put(&second, Bytes::new()).await.unwrap();
    objects.delete(&[first.clone(), first]).await.unwrap();
    assert!(!objects.root().join("a/b").exists());
    assert!(objects.root().join("a/c/2").exists());
    objects.delete(&[second]).await.unwrap();
    assert!(!objects.root().join("a").exists());
    assert!(objects.root().exists());
}

#[cfg(unix)]
#[tokio::test]
async fn a_place_that_is_no_folder_is_an_error_not_a_panic() {
    let (folder, _) = bucket();
    fs::write(folder.path().join("lake"), "a file").unwrap();
    let objects = LocalObjects::new(folder.path().join("lake"));
    let refused = objects.put(&Key::new("a"), Bytes::new()).await.unwrap_err();
    assert!(refused.to_string().starts_with("object `a` could not be written"), "{refused}");
}
