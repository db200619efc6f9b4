//! Mistakes in seeds.

use crate::{mistakes, mistakes_in};

#[test]
fn quotes_rows_and_names() {
    insta::assert_snapshot!(mistakes_in("seeds/bad.csv", "id,Name,id\n1,\"open\n2,b,c\n"), @r#"
error[bad-name]: a column cannot be called `Name`: `N` cannot stand in a name
 --> seeds/bad.csv:1:4
  |
1 | id,Name,id
  |    ^^^^
  |
  = hint: `name` would be allowed

error[duplicate-column]: the column `id` stands twice
 --> seeds/bad.csv:1:9
  |
1 | id,Name,id
  | --      ^^
  | |
  | first here

error[bad-quote]: this quote is never closed
 --> seeds/bad.csv:2:3
  |
2 | 1,"open
  |   ^
  |
  = hint: close it, or double it if it is part of the text
"#);
    insta::assert_snapshot!(mistakes_in("seeds/bad.csv", "id,name\n1,a\"b\"\n2\n3,a,b\n\n4,\"x\" \n"), @r#"
error[bad-quote]: a quote stands inside a field that does not begin with one
 --> seeds/bad.csv:2:4
  |
2 | 1,a"b"
  |    ^
  |
  = hint: put the whole field in quotes and double the quotes inside: `"6"" nails"`

error[ragged-row]: the row has 1 field, the header has 2
 --> seeds/bad.csv:3:1
  |
3 | 2
  | ^

error[ragged-row]: the row has 3 fields, the header has 2
 --> seeds/bad.csv:4:5
  |
4 | 3,a,b
  |     ^
  |
  = hint: a field that holds a comma stands in quotes

error[ragged-row]: the row has 1 field, the header has 2
 --> seeds/bad.csv:5:1
  |
5 |
  | ^
  |
  = hint: take the empty line away

error[bad-quote]: the field goes on after its closing quote
 --> seeds/bad.csv:6:5
  |
6 | 4,"x" 
  |     ^
  |
  = hint: double a quote that is part of the text
"#);
    insta::assert_snapshot!(mistakes_in("seeds/bad.csv", ""), @r"
error[bad-header]: a seed needs a first line with the names of its columns
 --> seeds/bad.csv:1:1
  |
1 |
  | ^
");
    insta::assert_snapshot!(mistakes_in("seeds/bad.csv", "id,\n1,2\n"), @r"
error[bad-name]: a column has no name
 --> seeds/bad.csv:1:4
  |
1 | id,
  |    ^
");
}

#[test]
fn values_that_are_not_of_the_declared_type() {
    insta::assert_snapshot!(mistakes(&[
        ("seeds/prices.csv", Some("id,price,since\n1,1.50,2026-10-01\nx,1.505,2026-13-01\n\"\",2,\n")),
        ("seeds/prices.yaml", Some("columns:\n  - {name: id, type: int}\n  - {name: price, type: 'decimal(5,2)'}\n  - {name: since, type: date}\n  - {name: untl, type: date}\n  - {name: id, type: intt}\n")),
    ]), @r#"
error[bad-value]: the column `id` is int: `x` is no such value
 --> seeds/prices.csv:3:1
  |
3 | x,1.505,2026-13-01
  | ^
  |
  = hint: write a whole number of 32 bits

error[bad-value]: the column `price` is decimal(5,2): `1.505` is no such value
 --> seeds/prices.csv:3:3
  |
3 | x,1.505,2026-13-01
  |   ^^^^^
  |
  = hint: write a decimal number that fits without rounding

error[bad-value]: the column `since` is date: `2026-13-01` is no such value
 --> seeds/prices.csv:3:9
  |
3 | x,1.505,2026-13-01
  |         ^^^^^^^^^^
  |
  = hint: write a day like `2026-10-31`

error[bad-value]: the column `id` is int: empty text is no such value
 --> seeds/prices.csv:4:1
  |
4 | "",2,
  | ^^
  |
  = hint: write a whole number of 32 bits

error[unknown-column]: the seed has no column `untl`
 --> seeds/prices.yaml:5:12
  |
5 |   - {name: untl, type: date}
  |            ^^^^
  |
  = hint: columns: `id`, `price`, `since`

error[duplicate-column]: the column `id` stands twice
 --> seeds/prices.yaml:6:12
  |
2 |   - {name: id, type: int}
  |            -- first here
...
6 |   - {name: id, type: intt}
  |            ^^

error[unknown-type]: there is no type `intt`
 --> seeds/prices.yaml:6:22
  |
6 |   - {name: id, type: intt}
  |                      ^^^^
  |
  = hint: did you mean `int`?
"#);
}

#[test]
fn a_contract_without_a_seed() {
    insta::assert_snapshot!(mistakes_in("seeds/campaign.yaml", "description: x\n"), @r"
error[missing-file]: there is no `seeds/campaign.csv` that this file could describe
 --> seeds/campaign.yaml:1:1
  |
1 | description: x
  | ^
");
}

#[test]
fn bytes_that_are_no_text() {
    let mut files = crate::shop_with(&[]);
    files.insert("seeds/latin.csv", b"id,name\n1,caf\xe9\n".to_vec());
    insta::assert_snapshot!(tarn_model::Lake::load(&files).unwrap_err().render(false), @r"
error[not-utf8]: this byte is not UTF-8
 --> seeds/latin.csv:2:6
  |
2 | 1,caf�
  |      ^
  |
  = hint: save the file as UTF-8
");
}
