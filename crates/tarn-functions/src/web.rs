//! Functions on URLs.
//!
//! A text counts as a URL by the rules of Java's `URI`, which Trino uses: RFC 2396, where a space or a bracket
//! makes the whole text no URL and gives null. Parts come percent-decoded.

use std::borrow::Cow;

use datafusion::common::Result;
use percent_encoding::percent_decode_str;

use crate::call::map_rows;
use crate::failure::invalid_argument;
use crate::function::Function;

/// Declares a function that gives a part of a URL: empty text where the URL lacks it.
macro_rules! part {
    ($name:literal, $part:ident, $decode:expr) => {
        Function::new($name).on("(varchar) -> varchar", |call| {
            map_rows::<(&str,), Cow<'_, str>>(call, |(text,)| {
                Ok(Uri::parse(text).map(|uri| uri.$part.map($decode).unwrap_or_default()))
            })
        })
    };
}

pub(crate) fn functions() -> Vec<Function> {
    vec![
        part!("url_extract_host", host, Cow::Borrowed),
        part!("url_extract_path", path, decoded),
        part!("url_extract_protocol", scheme, Cow::Borrowed),
        part!("url_extract_query", query, decoded),
        part!("url_extract_fragment", fragment, decoded),
        Function::new("url_extract_port").on("(varchar) -> bigint", |call| {
            map_rows::<(&str,), i64>(call, |(text,)| Ok(Uri::parse(text).and_then(|uri| uri.port)))
        }),
        Function::new("url_extract_parameter").on("(varchar, varchar) -> varchar", |call| {
            map_rows::<(&str, &str), String>(call, |(text, name)| Ok(parameter(text, name)))
        }),
        Function::new("url_encode")
            .on("(varchar) -> varchar", |call| map_rows::<(&str,), String>(call, |(text,)| Ok(Some(encode(text))))),
        Function::new("url_decode")
            .on("(varchar) -> varchar", |call| map_rows::<(&str,), String>(call, |(text,)| decode(text).map(Some))),
    ]
}

/// The parts of a URI, as written.
#[derive(Debug, Default, Clone, Copy)]
struct Uri<'t> {
    scheme: Option<&'t str>,
    host: Option<&'t str>,
    port: Option<i64>,
    path: Option<&'t str>,
    query: Option<&'t str>,
    fragment: Option<&'t str>,
}

impl<'t> Uri<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self { path: Some(""), ..Self::default() });
        }
        let mut uri = Self::default();
        let (rest, fragment) = match text.split_once('#') {
            Some((rest, fragment)) => (rest, Some(fragment)),
            None => (text, None),
        };
        uri.fragment = fragment;
        let mut rest = rest;
        if let Some((scheme, after)) = rest.split_once(':')
            && !scheme.contains(['/', '?'])
        {
            let valid = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
            if !valid || after.is_empty() {
                return None;
            }
            uri.scheme = Some(scheme);
            rest = after;
            if !rest.starts_with('/') {
                // Opaque, as `mailto:a@b`: there are no further parts.
                return (all_legal(rest) && fragment.is_none_or(all_legal)).then_some(uri);
            }
        }
        if let Some(after) = rest.strip_prefix("//") {
            let end = after.find(['/', '?']).unwrap_or(after.len());
            let (authority, tail) = after.split_at(end);
            if authority.is_empty() && tail.is_empty() {
                return None;
            }
            uri.authority(authority)?;
            rest = tail;
        }
        match rest.split_once('?') {
            Some((path, query)) => {
                uri.path = Some(path);
                uri.query = Some(query);
            }
            None => uri.path = Some(rest),
        }
        let legal = [uri.path, uri.query, uri.fragment].into_iter().flatten().all(all_legal);
        let no_brackets = uri.path.is_none_or(|path| !path.contains(['[', ']']));
        (legal && no_brackets).then_some(uri)
    }

    /// Reads `user@host:port`; an authority that names no server is allowed and gives no host.
    fn authority(&mut self, authority: &'t str) -> Option<()> {
        if !all_legal(authority) {
            return None;
        }
        let server = authority.rsplit_once('@').map_or(authority, |(_, server)| server);
        let (host, port) = match server.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (server, None),
        };
        let port = match port {
            None | Some("") => None,
            Some(digits) => match digits.parse::<i32>() {
                Ok(port) => Some(port),
                Err(_) => return Some(()),
            },
        };
        let literal = host.starts_with('[') && host.ends_with(']');
        let labels = host.strip_suffix('.').unwrap_or(host);
        let named = !labels.is_empty()
            && labels.split('.').all(|label| {
                !label.is_empty()
                    && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                    && !label.starts_with('-')
                    && !label.ends_with('-')
            });
        if literal || named {
            self.host = Some(host);
            self.port = port.map(i64::from);
        }
        Some(())
    }
}

/// Whether all characters may stand in a URI; a percent sign needs two hex digits.
fn all_legal(text: &str) -> bool {
    let bytes = text.as_bytes();
    text.char_indices().all(|(position, character)| match character {
        '%' => bytes.get(position + 1..position + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)),
        'a'..='z' | 'A'..='Z' | '0'..='9' => true,
        ascii if ascii.is_ascii() => "-_.!~*'();/?:@&=+$,[]".contains(ascii),
        other => !other.is_control() && !other.is_whitespace(),
    })
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// The first value of a parameter in the decoded query; empty if it has none.
fn parameter(text: &str, name: &str) -> Option<String> {
    let query = decoded(Uri::parse(text)?.query?);
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == name).then(|| value.to_owned())
    })
}

/// Form encoding: letters, digits and `-_.*` stay, a space becomes `+`.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn decode(text: &str) -> Result<String> {
    let bytes = text.as_bytes();
    for (position, _) in text.match_indices('%') {
        let valid =
            bytes.get(position + 1..position + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        if !valid {
            return Err(invalid_argument("URLDecoder: Illegal hex characters in escape (%) pattern"));
        }
    }
    Ok(decoded(&text.replace('+', " ")).into_owned())
}
