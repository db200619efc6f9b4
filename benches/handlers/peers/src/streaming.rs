//! A flattener on any `serde` deserializer that builds no tree: what is read is written at once. Two leaves of one name
//! are both written under it.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Rooms that are used again for every document.
#[derive(Debug, Default)]
pub(crate) struct Flattener {
    /// The joined keys of the present leaf, escaped.
    path: Vec<u8>,
    depth: usize,
    /// The JSON text of the present array.
    text: Vec<u8>,
}

impl Flattener {
    /// Appends the flat form of the deserializer's object to an empty line.
    pub(crate) fn flatten<'de, D: Deserializer<'de>>(
        &mut self,
        deserializer: D,
        line: &mut Vec<u8>,
    ) -> Result<(), D::Error> {
        self.path.clear();
        self.depth = 0;
        deserializer.deserialize_map(Document(&mut Target { flattener: self, line }))?;
        // Every leaf is preceded by a comma; the first one opens the object.
        match line.first_mut() {
            Some(first) => *first = b'{',
            None => line.push(b'{'),
        }
        line.push(b'}');
        Ok(())
    }
}

struct Target<'a> {
    flattener: &'a mut Flattener,
    line: &'a mut Vec<u8>,
}

impl Target<'_> {
    fn name(&mut self) {
        self.line.extend_from_slice(b",\"");
        self.line.extend_from_slice(&self.flattener.path);
        self.line.extend_from_slice(b"\":");
    }

    /// Reads the members of an object; gives their number.
    fn members<'de, A: MapAccess<'de>>(&mut self, mut members: A) -> Result<usize, A::Error> {
        let length = self.flattener.path.len();
        let mut count = 0;
        while members.next_key_seed(Key(self))?.is_some() {
            self.flattener.depth += 1;
            members.next_value_seed(Leaf(self))?;
            self.flattener.depth -= 1;
            self.flattener.path.truncate(length);
            count += 1;
        }
        Ok(count)
    }
}

fn quoted<E: Error>(value: &str, target: &mut Vec<u8>) -> Result<(), E> {
    sonic_rs::to_writer(target, value).map_err(E::custom)
}

fn is_plain(key: &str) -> bool {
    key.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\')
}

/// The document itself.
struct Document<'t, 'a>(&'t mut Target<'a>);

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<(), A::Error> {
        self.0.members(members).map(drop)
    }
}

/// A key that is added to the path.
struct Key<'t, 'a>(&'t mut Target<'a>);

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<(), E> {
        let Flattener { path, depth, text } = &mut *self.0.flattener;
        if *depth > 0 {
            path.push(b'_');
        }
        if is_plain(key) {
            path.extend_from_slice(key.as_bytes());
        } else {
            text.clear();
            quoted(key, text)?;
            path.extend_from_slice(text.get(1..text.len() - 1).unwrap_or_default());
        }
        Ok(())
    }
}

/// A value below the document.
struct Leaf<'t, 'a>(&'t mut Target<'a>);

impl<'de> DeserializeSeed<'de> for Leaf<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Leaf<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<(), A::Error> {
        if self.0.members(members)? == 0 {
            self.0.name();
            self.0.line.extend_from_slice(b"\"{}\"");
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<(), A::Error> {
        self.0.flattener.text.clear();
        Text(&mut self.0.flattener.text).visit_seq(elements)?;
        self.0.name();
        let text = simdutf8::basic::from_utf8(&self.0.flattener.text).map_err(A::Error::custom)?;
        quoted(text, self.0.line)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.0.name();
        Text(self.0.line).visit_str(value)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.0.name();
        Text(self.0.line).visit_bool(value)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.name();
        Text(self.0.line).visit_unit()
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.0.name();
        Text(self.0.line).visit_i64(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.0.name();
        Text(self.0.line).visit_u64(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.0.name();
        Text(self.0.line).visit_f64(value)
    }
}

/// A value that is written as JSON text.
struct Text<'t>(&'t mut Vec<u8>);

impl<'de> DeserializeSeed<'de> for Text<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Text<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        self.0.push(b'{');
        let mut following = false;
        loop {
            let end = self.0.len();
            if following {
                self.0.push(b',');
            }
            if members.next_key_seed(Text(self.0))?.is_none() {
                self.0.truncate(end);
                break;
            }
            self.0.push(b':');
            members.next_value_seed(Text(self.0))?;
            following = true;
        }
        self.0.push(b'}');
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        self.0.push(b'[');
        let mut following = false;
        loop {
            let end = self.0.len();
            if following {
                self.0.push(b',');
            }
            if elements.next_element_seed(Text(self.0))?.is_none() {
                self.0.truncate(end);
                break;
            }
            following = true;
        }
        self.0.push(b']');
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        quoted(value, self.0)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.0.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.extend_from_slice(b"null");
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.0.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.0.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.0.extend_from_slice(zmij::Buffer::new().format(value).as_bytes());
        Ok(())
    }
}
