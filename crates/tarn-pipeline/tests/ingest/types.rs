//! Every type of DynamoDB at its edges, from the event to the Parquet file and back.

use crate::changes::{change, kept, put, rows};
use crate::{flattened, lake};

/// One column of each kind that an attribute may become.
const TYPED: &str = "\
kind: table
key: [order_id]
columns:
  - {name: order_id, type: string, required: true}
  - {name: s, type: string}
  - {name: n, type: 'decimal(38,0)'}
  - {name: small, type: 'decimal(38,38)'}
  - {name: b, type: binary}
  - {name: bool, type: boolean}
  - {name: nothing, type: string}
  - {name: m, path: [m], type: json}
  - {name: l, type: json}
  - {name: ss, type: json}
  - {name: ns, type: json}
  - {name: bs, type: json}
  - {name: deep, path: [m, deep], type: string}
";

async fn row_of(contract: &str, record: String) -> String {
    let (bucket, key) = kept(&[record]).await;
    let ingested = flattened(&lake(contract), &key, &bucket).await;
    assert_eq!((ingested.rows, ingested.quarantined), (1, 0), "{:?}", bucket.keys("quarantine/"));
    rows(&bucket).remove(0)
}

/// `column=value` of the columns of the contract, as they stand in the file.
async fn typed(attribute: &str) -> String {
    let row = row_of(TYPED, put("k", 7, &format!(",{attribute}"))).await;
    let own = row.split(" | ").filter(|column| !column.starts_with("order_id=") && !column.starts_with('_'));
    let extra = row.split(" | ").filter(|column| column.starts_with("_extra="));
    own.chain(extra).collect::<Vec<_>>().join(" | ")
}

#[tokio::test]
async fn every_type_is_exact_in_a_typed_column() {
    let nines = "9".repeat(38);
    let smallest = format!("0.{}1", "0".repeat(37));
    for (attribute, expected) in [
        (r#""s":{"S":""}"#.to_owned(), "s=".to_owned()),
        (r#""s":{"S":"名前\n\u0000\ud83c\udf63\"\\"}"#.to_owned(), "s=名前\n\0🍣\"\\".to_owned()),
        (r#""s":{"S":"null"}"#.to_owned(), "s=null".to_owned()),
        (format!(r#""n":{{"N":"{nines}"}}"#), format!("n={nines}")),
        (format!(r#""n":{{"N":"-{nines}"}}"#), format!("n=-{nines}")),
        (r#""n":{"N":"0"}"#.to_owned(), "n=0".to_owned()),
        (r#""n":{"N":"1.5E+1"}"#.to_owned(), "n=15".to_owned()),
        (r#""n":{"N":"18446744073709551617"}"#.to_owned(), "n=18446744073709551617".to_owned()),
        (format!(r#""small":{{"N":"{smallest}"}}"#), format!("small={smallest}")),
        (r#""small":{"N":"1E-38"}"#.to_owned(), format!("small={smallest}")),
        (r#""b":{"B":""}"#.to_owned(), "b=".to_owned()),
        (r#""b":{"B":"AAEC/w=="}"#.to_owned(), "b=000102ff".to_owned()),
        (r#""bool":{"BOOL":true}"#.to_owned(), "bool=true".to_owned()),
        (r#""bool":{"BOOL":false}"#.to_owned(), "bool=false".to_owned()),
        (r#""nothing":{"NULL":true}"#.to_owned(), String::new()),
        (r#""m":{"M":{}}"#.to_owned(), "m={}".to_owned()),
        (r#""l":{"L":[]}"#.to_owned(), "l=[]".to_owned()),
        (
            r#""m":{"M":{"deep":{"S":"x"},"n":{"N":"1.0"},"e":{"M":{}},"z":{"NULL":true}}}"#.to_owned(),
            r#"m={"deep":"x","n":1.0,"e":{},"z":null} | deep=x"#.to_owned(),
        ),
        (
            r#""l":{"L":[{"S":"a"},{"N":"1.50"},{"L":[]},{"M":{}},{"NULL":true},{"BOOL":false},{"B":"AA=="}]}"#
                .to_owned(),
            r#"l=["a",1.50,[],{},null,false,"AA=="]"#.to_owned(),
        ),
        (r#""ss":{"SS":["b","a","名"]}"#.to_owned(), r#"ss=["b","a","名"]"#.to_owned()),
        (format!(r#""ns":{{"NS":["1.0","-0","{nines}"]}}"#), format!("ns=[1.0,-0,{nines}]")),
        (r#""bs":{"BS":["AA==","AQI="]}"#.to_owned(), r#"bs=["AA==","AQI="]"#.to_owned()),
        (r#""odd":{"NS":["1.50"]}"#.to_owned(), r#"_extra={"odd":[1.50]}"#.to_owned()),
        (r#""odd":{"NULL":true}"#.to_owned(), r#"_extra={"odd":null}"#.to_owned()),
    ] {
        assert_eq!(typed(&attribute).await, expected, "{attribute}");
    }
}

#[tokio::test]
async fn without_a_contract_every_value_is_its_text() {
    let nines = "9".repeat(38);
    let attributes = format!(
        r#","s":{{"S":"x"}},"n":{{"N":"{nines}"}},"b":{{"B":"AAEC/w=="}},"t":{{"BOOL":true}},"z":{{"NULL":true}},"m":{{"M":{{"a":{{"N":"1.50"}}}}}},"e":{{"M":{{}}}},"l":{{"L":[{{"N":"1.0"}}]}},"ss":{{"SS":["x"]}}"#
    );
    let row = row_of("kind: table\nkey: [order_id]\n", put("k", 7, &attributes)).await;
    let own: Vec<&str> = row.split(" | ").filter(|column| !column.starts_with('_')).collect();
    let number = format!("n={nines}");
    assert_eq!(
        own,
        ["order_id=k", "s=x", &number, "b=AAEC/w==", "t=true", "m_a=1.50", "e={}", "l=[1.0]", r#"ss=["x"]"#]
    );
}

#[tokio::test]
async fn what_a_change_says_of_itself_is_beside_the_item() {
    let ttl = |record: String| {
        record.replacen('{', r#"{"userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"},"#, 1)
    };
    let images = r#""OldImage":{"s":{"S":"old"}},"#;
    let both = r#""OldImage":{"s":{"S":"old"}},"NewImage":{"s":{"S":"new"}},"#;
    for (record, expected) in [
        (put("k", 7, ""), "order_id=k | _op=insert | _ttl=false"),
        (change("MODIFY", "k", 7, both), "order_id=k | s=new | _op=modify | _ttl=false"),
        // Keys are there whatever images the stream carries.
        (change("MODIFY", "k", 7, ""), "order_id=k | _op=modify | _ttl=false"),
        (change("REMOVE", "k", 7, images), "order_id=k | s=old | _op=remove | _ttl=false"),
        (change("REMOVE", "k", 7, ""), "order_id=k | _op=remove | _ttl=false"),
        (ttl(change("REMOVE", "k", 7, images)), "order_id=k | s=old | _op=remove | _ttl=true"),
    ] {
        let row = row_of(TYPED, record).await;
        assert_eq!(row, format!("{expected} | _seq=7 | _at=2026-10-31T14:30:00"));
    }
}

#[tokio::test]
async fn values_that_fit_no_column_are_refused_whole() {
    for attribute in [
        format!(r#""n":{{"N":"1{}"}}"#, "0".repeat(38)),
        r#""n":{"N":"0.1"}"#.to_owned(),
        r#""n":{"N":"NaN"}"#.to_owned(),
        r#""b":{"B":"not base64!"}"#.to_owned(),
        r#""bool":{"S":"yes"}"#.to_owned(),
        r#""s":{"X":"y"}"#.to_owned(),
        r#""s":{"S":"\ud800"}"#.to_owned(),
        r#""ns":{"NS":["x"]}"#.to_owned(),
    ] {
        let record = put("k", 7, &format!(",{attribute}"));
        let (bucket, key) = kept(&[put("j", 6, ""), record.clone()]).await;
        let ingested = flattened(&lake(TYPED), &key, &bucket).await;
        assert_eq!((ingested.rows, ingested.quarantined), (1, 1), "{attribute}");
        let keys = bucket.keys("quarantine/");
        let (_, quarantined) = tarn_pipeline::ingest::quarantine::read(&keys[0], bucket.as_ref()).await.unwrap();
        assert_eq!(quarantined[0].bytes().unwrap(), record.as_bytes());
        assert_eq!(quarantined[0].origin, key);
    }
}
