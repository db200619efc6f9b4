//! A message in Slack's Block Kit, inside of its limits.
//!
//! | what | limit |
//! | --- | --- |
//! | header | 150 characters |
//! | section | 3,000 characters, or 10 fields of 2,000 |
//! | message | 50 blocks |
//!
//! <https://docs.slack.dev/reference/block-kit/blocks> · `&`, `<` and `>` are control characters of Slack's own markup and are
//! escaped in every text: <https://docs.slack.dev/messaging/formatting-message-text>

use serde_json::{Value, json};
use tarn_pipeline::ports::{Message, Passage};

const HEADER: usize = 150;
const FIELDS: usize = 10;
const FIELD: usize = 2_000;
const SECTION: usize = 3_000;
const BLOCKS: usize = 50;
/// The text beside the blocks: what a notification shows.
const TEXT: usize = 3_000;
/// What opens and closes a piece of code.
const FENCE: &str = "```";

/// The body of a request to a web hook.
pub(super) fn payload(message: &Message) -> Value {
    let mut blocks = vec![json!({
        "type": "header",
        "text": {"type": "plain_text", "text": escaped(&message.title, HEADER), "emoji": false},
    })];
    for facts in message.facts.chunks(FIELDS) {
        let fields: Vec<Value> = facts.iter().map(|(name, value)| markdown(&field(name, value))).collect();
        blocks.push(json!({"type": "section", "fields": fields}));
    }
    blocks
        .extend(message.passages.iter().map(|passage| json!({"type": "section", "text": markdown(&section(passage))})));
    if let Some((name, address)) = &message.link {
        // An address with a `|` or a `>` would end before its end.
        let address = address.replace('|', "%7C").replace('>', "%3E");
        let text = format!("<{}|{}>", escaped(&address, FIELD), escaped(name, HEADER));
        blocks.truncate(BLOCKS - 1);
        blocks.push(json!({"type": "context", "elements": [markdown(&text)]}));
    }
    blocks.truncate(BLOCKS);
    json!({"text": escaped(&message.title, TEXT), "blocks": blocks})
}

fn markdown(text: &str) -> Value {
    json!({"type": "mrkdwn", "text": text})
}

fn field(name: &str, value: &str) -> String {
    let name = format!("*{}*\n", escaped(name, HEADER));
    let room = FIELD - name.chars().count();
    // Without the marks that Slack would take for emphasis.
    format!("{name}{}", if value.is_empty() { "-".to_owned() } else { escaped(value, room) })
}

fn section(passage: &Passage) -> String {
    let heading = format!("*{}*\n", escaped(&passage.heading, HEADER));
    let room = SECTION - heading.chars().count();
    if !passage.is_code {
        return format!("{heading}{}", escaped(&passage.text, room));
    }
    // A fence inside of the text would end the code: an invisible character keeps its marks apart.
    let text = passage.text.replace(FENCE, "`\u{200b}`\u{200b}`");
    let text = if text.is_empty() { "-" } else { &text };
    format!("{heading}{FENCE}{}{FENCE}", escaped(text, room - 2 * FENCE.len()))
}

/// The text as Slack shows it, at most so many characters; what is cut ends in `…`.
fn escaped(text: &str, longest: usize) -> String {
    let whole: String =
        text.chars().map(|character| entity(character).map_or_else(|| character.into(), String::from)).collect();
    if whole.chars().count() <= longest {
        return whole;
    }
    let mut cut = String::new();
    let mut room = longest.saturating_sub(1);
    for character in text.chars() {
        let piece = entity(character).map_or_else(|| String::from(character), String::from);
        let length = piece.chars().count();
        if length > room {
            break;
        }
        room -= length;
        cut.push_str(&piece);
    }
    cut.push('…');
    cut
}

fn entity(character: char) -> Option<&'static str> {
    match character {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message {
            title: "Run <!channel> & co failed".to_owned(),
            facts: vec![("Model".to_owned(), "a<b".to_owned()), ("Run".to_owned(), String::new())],
            passages: vec![
                Passage { heading: "Statement".to_owned(), text: "select ```<x>```".to_owned(), is_code: true },
                Passage { heading: "Reason".to_owned(), text: "<@U1> & more".to_owned(), is_code: false },
            ],
            link: Some(("the console".to_owned(), "https://example.com/a|b>c?d=1&e=2".to_owned())),
        }
    }

    #[test]
    fn nothing_in_a_text_is_taken_for_markup() {
        let title = "Run &lt;!channel&gt; &amp; co failed";
        let expected = json!({
            "text": title,
            "blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": false}},
                {"type": "section", "fields": [
                    {"type": "mrkdwn", "text": "*Model*\na&lt;b"},
                    {"type": "mrkdwn", "text": "*Run*\n-"},
                ]},
                {"type": "section", "text": {
                    "type": "mrkdwn",
                    "text": "*Statement*\n```select `\u{200b}`\u{200b}`&lt;x&gt;`\u{200b}`\u{200b}````",
                }},
                {"type": "section", "text": {"type": "mrkdwn", "text": "*Reason*\n&lt;@U1&gt; &amp; more"}},
                {"type": "context", "elements": [
                    {"type": "mrkdwn", "text": "<https://example.com/a%7Cb%3Ec?d=1&amp;e=2|the console>"},
                ]},
            ],
        });
        assert_eq!(payload(&message()), expected);
    }

    #[test]
    fn long_texts_stay_inside_of_the_limits() {
        let long = "<&>".repeat(5_000);
        let message = Message {
            title: long.clone(),
            facts: vec![(long.clone(), long.clone()); 37],
            passages: vec![Passage { heading: long.clone(), text: long.clone(), is_code: true }; 80],
            link: Some((long.clone(), "https://example.com".to_owned())),
        };
        let payload = payload(&message);
        let blocks = payload["blocks"].as_array().unwrap();
        assert_eq!(blocks.len(), BLOCKS);
        assert_eq!(blocks[BLOCKS - 1]["type"], "context");
        let length = |text: &Value| text.as_str().unwrap().chars().count();
        assert!(length(&blocks[0]["text"]["text"]) <= HEADER);
        for block in blocks {
            for field in block["fields"].as_array().into_iter().flatten() {
                assert!(length(&field["text"]) <= FIELD);
            }
            if block["type"] == "section" && block.get("text").is_some() {
                assert!(length(&block["text"]["text"]) <= SECTION);
                assert!(block["text"]["text"].as_str().unwrap().ends_with(FENCE));
            }
        }
    }
}
