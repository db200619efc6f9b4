//! The lakes that stand in this repository load, compile and become statements.
#![allow(clippy::disallowed_methods)] // a test may read files; the crate may not

use std::fs;
use std::path::Path;

use tarn_model::{Lake, LakeFiles, unit_test_sql};

use crate::{context, load, noon};

fn lake_at(folder: &str) -> Lake {
    let root = Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../..").join(folder);
    let mut files = LakeFiles::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
            if path.is_dir() {
                folders.push(path);
            } else if LakeFiles::is_lake_file(&name) {
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    load(&files)
}

/// Every model compiles in both modes, every audit and every unit test has its statement.
fn compile_all(lake: &Lake) {
    for model in lake.models.values() {
        for incremental in [false, true] {
            let context = context(&[], incremental);
            let compiled =
                lake.compile(&model.name, &context).unwrap_or_else(|error| panic!("{}", error.render(false)));
            let (line, _) = compiled.template_position(1, 1);
            assert!(line > 1 || model.sql_offset == 0, "{}: line {line}", model.name);
            for audit in &model.audits {
                audit.failing_count_sql(lake, "version", &context).unwrap();
            }
        }
    }
    for test in &lake.unit_tests {
        let sql = unit_test_sql(lake, test, noon(), &|_| None);
        let sql = sql.unwrap_or_else(|error| panic!("{}", error.render(false)));
        assert!(sql.starts_with("with "), "{sql}");
    }
}

#[test]
fn the_shop() {
    let lake = lake_at("examples/shop");
    assert_eq!(lake.warnings.render(false), "");
    assert!(lake.models.len() > 5 && !lake.unit_tests.is_empty());
    compile_all(&lake);
}

#[test]
fn the_lake_of_webhooks() {
    let lake = lake_at("tests/lakes/github");
    assert_eq!(lake.warnings.render(false), "");
    compile_all(&lake);
}
