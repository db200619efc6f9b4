//! Click events as a shop's page sends them, about 600 bytes each, from a seed.

use std::fmt::Write as _;

use tarn_flatten::{ColumnPath, ColumnType, Contract, ContractColumn};

/// A small generator of pseudo-random numbers (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick(&mut self, choices: &[&'static str]) -> &'static str {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap_or(0)]
    }
}

/// Writes `count` events, a line each; one in five spells its title with `\u` escapes.
pub fn events(seed: u64, count: usize) -> String {
    let mut random = Random(seed);
    let mut text = String::with_capacity(count * 700);
    let titles = ["山の湖の水 500ml", "Trail running shoes", "Zelt für zwei Personen", "Lightweight tent"];
    let escaped = ["\\u5c71\\u306e\\u6e56 500ml", "Zelt f\\u00fcr zwei"];
    let mut millis = 1_790_000_000_000 + seed % 1_000 * 86_400_000;
    for _ in 0..count {
        millis += random.below(900);
        let (seconds, fraction) = (millis / 1_000, millis % 1_000);
        let (clock, day) = (seconds % 86_400, 1 + seconds / 86_400 % 28);
        let title = if random.below(5) == 0 { random.pick(&escaped) } else { random.pick(&titles) };
        let item = random.below(20_000);
        let _ = writeln!(
            text,
            concat!(
                r#"{{"event_id":"{:016x}{:016x}","type":"{}","occurred_at":"2026-10-{:02}T{:02}:{:02}:{:02}.{:03}Z","#,
                r#""user":{{"id":{},"anonymous_id":"{:016x}","country":"{}","age_group":"{}"}},"#,
                r#""session":{{"id":"{:012x}","number":{}}},"#,
                r#""page":{{"url":"https://shop.example/items/{}?ref={}","title":"{}","referrer":{}}},"#,
                r#""device":{{"type":"{}","os":"{}","browser":"{}","screen":{{"width":{},"height":{}}}}},"#,
                r#""item":{{"sku":"SKU-{:05}","price":{}.{:02},"quantity":{}}},"#,
                r#""experiment":{{"name":"checkout","variant":"{}"}},"#,
                r#""tags":["{}","{}"],"logged_in":{},"duration_ms":{}}}"#
            ),
            random.next(),
            random.next(),
            random.pick(&["page_view", "add_to_cart", "purchase", "search"]),
            day,
            clock / 3_600,
            clock / 60 % 60,
            clock % 60,
            fraction,
            random.below(400_000),
            random.next(),
            random.pick(&["JP", "US", "DE", "FR", "BR"]),
            random.pick(&["20s", "30s", "40s", "50s"]),
            random.below(1 << 40),
            random.below(30),
            item,
            random.pick(&["mail", "top", "search"]),
            title,
            random.pick(&["null", "\"https://www.example.org/search?q=tent\""]),
            random.pick(&["mobile", "desktop", "tablet"]),
            random.pick(&["iOS", "Android", "Windows", "macOS"]),
            random.pick(&["Safari", "Chrome", "Firefox"]),
            random.pick(&["390", "1440", "1920"]),
            random.pick(&["844", "900", "1080"]),
            item,
            random.below(300),
            random.below(100),
            1 + random.below(3),
            random.pick(&["A", "B"]),
            random.pick(&["sale", "new", "outdoor"]),
            random.pick(&["kids", "water", "tent"]),
            random.pick(&["true", "false"]),
            random.below(60_000),
        );
    }
    text
}

/// The same events with the keys of every object in another order each time, and one in seven left out.
#[allow(dead_code, reason = "each measuring program uses a part")]
pub fn shuffled(events: &str) -> String {
    use serde_json::Value;
    fn shuffle(value: Value, random: &mut Random) -> Value {
        let Value::Object(members) = value else { return value };
        let mut members: Vec<_> = members.into_iter().filter(|_| random.below(7) > 0).collect();
        for position in (1..members.len()).rev() {
            members.swap(position, usize::try_from(random.below(position as u64 + 1)).unwrap_or(0));
        }
        Value::Object(members.into_iter().map(|(key, value)| (key, shuffle(value, random))).collect())
    }
    let mut random = Random(1);
    let mut text = String::new();
    for line in events.lines() {
        let value = serde_json::from_str(line).unwrap_or_default();
        let _ = writeln!(text, "{}", shuffle(value, &mut random));
    }
    text
}

/// The same events as changes of a DynamoDB table.
#[allow(dead_code, reason = "each measuring program uses a part")]
pub fn changes(events: &str) -> String {
    use serde_json::{Value, json};
    fn typed(value: &Value) -> Value {
        match value {
            Value::Null => json!({"NULL": true}),
            Value::Bool(value) => json!({"BOOL": value}),
            Value::Number(value) => json!({"N": value.to_string()}),
            Value::String(value) => json!({"S": value}),
            Value::Array(values) => json!({"L": values.iter().map(typed).collect::<Vec<_>>()}),
            Value::Object(_) => json!({"M": item(value)}),
        }
    }
    fn item(value: &Value) -> Value {
        let members = value.as_object().into_iter().flatten();
        Value::Object(members.map(|(key, value)| (key.clone(), typed(value))).collect())
    }
    let mut text = String::new();
    for (line, sequence) in events.lines().zip(1u64..) {
        let event: Value = serde_json::from_str(line).unwrap_or_default();
        let change = json!({
            "eventID": "c4ca4238a0b923820dcc509a6f75849b", "eventName": "INSERT", "eventVersion": "1.1",
            "eventSource": "aws:dynamodb", "awsRegion": "us-east-1",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_793_491_199,
                "Keys": {"event_id": typed(&event["event_id"])},
                "NewImage": item(&event),
                "SequenceNumber": sequence.to_string(), "SizeBytes": 600, "StreamViewType": "NEW_AND_OLD_IMAGES"
            },
        });
        let _ = writeln!(text, "{change}");
    }
    text
}

/// The contract of the events: every leaf but two, which are left over.
pub fn contract() -> Contract {
    let column = |name: &str, path: &str, column_type: ColumnType| ContractColumn {
        name: name.to_owned(),
        path: match path {
            "" => ColumnPath::FlatName,
            keys => ColumnPath::Exact(keys.split('.').map(str::to_owned).collect()),
        },
        column_type,
        required: matches!(name, "event_id" | "occurred_at"),
    };
    let text = ColumnType::String;
    Contract::new(vec![
        column("event_id", "", text),
        column("event_type", "type", text),
        column("occurred_at", "", ColumnType::Timestamp),
        column("user_id", "user.id", ColumnType::BigInt),
        column("user_anonymous_id", "", text),
        column("country", "user.country", text),
        column("age_group", "user.age_group", text),
        column("session_id", "", text),
        column("session_number", "", ColumnType::Integer),
        column("page_url", "", text),
        column("page_title", "", text),
        column("page_referrer", "", text),
        column("device", "device.type", text),
        column("device_os", "", text),
        column("device_browser", "", text),
        column("item_sku", "", text),
        column("item_price", "", ColumnType::Decimal { precision: 12, scale: 2 }),
        column("item_quantity", "", ColumnType::Integer),
        column("experiment_variant", "", text),
        column("tags", "", ColumnType::Json),
        column("logged_in", "", ColumnType::Boolean),
        column("duration_ms", "", ColumnType::BigInt),
        column("screen_width", "device.screen.width", ColumnType::Integer),
        column("screen_height", "device.screen.height", ColumnType::Integer),
    ])
    .unwrap_or_default()
}

/// Nanoseconds that this thread was on a processor, so that a busy machine does not count.
pub fn processor_nanoseconds() -> u64 {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    schedule.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok()).unwrap_or(0)
}

/// The same events as Python's `json.dumps` writes them: a space after each comma and colon, `\u` for all but ASCII.
#[allow(dead_code, reason = "each measuring program uses a part")]
pub fn spaced(events: &str) -> String {
    let mut text = String::with_capacity(events.len() * 5 / 4);
    let (mut inside, mut escaped) = (false, false);
    for character in events.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => inside = !inside,
            _ => {}
        }
        if character.is_ascii() {
            text.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
        if !inside && matches!(character, ',' | ':') {
            text.push(' ');
        }
    }
    text
}
