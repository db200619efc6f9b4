//! Mistakes in seeds.

use crate::{mistakes, mistakes_in};

#[test]
fn quotes_rows_and_names() {
    insta::assert_snapshot!(mistakes_in("seeds/bad.csv", "id,Name,id\n1,\"open\n2,b,c\n"), @"");
    insta::assert_snapshot!(mistakes_in("seeds/bad.csv", "id,name\n1,a\"b\"\n2\n3,a,b\n\n4,\"x\" \n"), @"");
    insta::assert_snapshot!(mistakes_in("seeds/bad.csv", ""), @"");
    insta::assert_snapshot!(mistakes_in("seeds/bad.csv", "id,\n1,2\n"), @"");
}

#[test]
fn values_that_are_not_of_the_declared_type() {
    insta::assert_snapshot!(mistakes(&[
        ("seeds/prices.csv", Some("id,price,since\n1,1.50,2026-10-01\nx,1.505,2026-13-01\n\"\",2,\n")),
        ("seeds/prices.yaml", Some("columns:\n  - {name: id, type: int}\n  - {name: price, type: 'decimal(5,2)'}\n  - {name: since, type: date}\n  - {name: untl, type: date}\n  - {name: id, type: intt}\n")),
    ]), @"");
}

#[test]
fn a_contract_without_a_seed() {
    insta::assert_snapshot!(mistakes_in("seeds/campaign.yaml", "description: x\n"), @"");
}

#[test]
fn bytes_that_are_no_text() {
    let mut files = crate::shop_with(&[]);
    files.insert("seeds/latin.csv", b"id,name\n1,caf\xe9\n".to_vec());
    insta::assert_snapshot!(tarn_model::Lake::load(&files).unwrap_err().render(false), @"");
}
