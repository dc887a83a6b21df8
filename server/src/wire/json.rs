//! The first look at a body, before its meaning: UTF-8, JSON, no name twice in an object, bounded nesting.
//!
//! After it passed, every value can be kept as the bytes that were received: whoever reads them later finds
//! one meaning only.

use super::fields::{Fields, Problems};
use super::pointer::Pointer;
use crate::error::Error;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

/// Deepest nesting of arrays and objects in a body: far above what anybody writes, far below what a
/// recursive reader's stack takes (serde_json stops at 128).
const NESTING_MAX: usize = 64;

/// Reads a body into a request with `read`, or says everything that is wrong with it.
///
/// # Errors
/// `ERR_VALIDATION` with a detail per problem.
pub(crate) fn decode<T>(body: &[u8], read: impl FnOnce(&mut Fields<'_, '_>) -> T) -> Result<T, Error> {
    let text = check(body)?;
    let problems = Problems::default();
    let value = Fields::root(text, &problems).map(|mut fields| {
        let value = read(&mut fields);
        fields.finish();
        value
    });
    match (value, problems.into_error()) {
        (Some(value), None) => Ok(value),
        (_, Some(error)) => Err(error),
        (None, None) => Err(Error::problem("", "expected an object")),
    }
}

/// Checks that `body` is one JSON document of bounded depth without repeated names.
///
/// # Errors
/// `ERR_VALIDATION`.
pub(crate) fn check(body: &[u8]) -> Result<&str, Error> {
    let text = std::str::from_utf8(body).map_err(|error| {
        Error::problem("", format!("the body is not UTF-8: bad byte at offset {}", error.valid_up_to()))
    })?;
    let failure = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let checked = Check { at: Pointer::Root, depth: 0, failure: &failure }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end());
    match (checked, failure.into_inner()) {
        (Ok(()), None) => Ok(text),
        (_, Some((pointer, message))) => Err(Error::problem(pointer, message)),
        (Err(error), None) => Err(Error::problem("", format!("the body is not JSON: {error}"))),
    }
}

/// Visits a value and everything in it.
struct Check<'a> {
    at: Pointer<'a>,
    depth: usize,
    /// The first thing found that serde_json itself has no quarrel with.
    failure: &'a RefCell<Option<(String, String)>>,
}

impl Check<'_> {
    fn fail<E: de::Error>(&self, message: String) -> E {
        let error = E::custom(&message);
        *self.failure.borrow_mut() = Some((self.at.to_string(), message));
        error
    }

    fn deeper<E: de::Error>(&self) -> Result<usize, E> {
        match self.depth < NESTING_MAX {
            true => Ok(self.depth + 1),
            false => Err(self.fail(format!("nested deeper than {NESTING_MAX} levels"))),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Check<'_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Check<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        let mut index = 0;
        loop {
            let element = Check { at: self.at.index(index), depth, failure: self.failure };
            if elements.next_element_seed(element)?.is_none() {
                return Ok(());
            }
            index += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        let mut seen = Names::default();
        while let Some(name) = members.next_key_seed(Name)? {
            let at = self.at.key(&name);
            let check = Check { at, depth, failure: self.failure };
            if seen.contains(&name) {
                return Err(check.fail(format!("the name `{name}` is given twice")));
            }
            members.next_value_seed(check)?;
            seen.insert(name);
        }
        Ok(())
    }
}

/// The names of one object: a list while there are few, a hash set from then on, so that an object of a
/// hundred thousand names costs no more than its length.
#[derive(Default)]
struct Names<'de> {
    few: Vec<Cow<'de, str>>,
    many: rustc_hash::FxHashSet<Cow<'de, str>>,
}

/// Names compared one by one before hashing pays.
const FEW: usize = 16;

impl<'de> Names<'de> {
    fn contains(&self, name: &str) -> bool {
        match self.many.is_empty() {
            true => self.few.iter().any(|seen| seen == name),
            false => self.many.contains(name),
        }
    }

    fn insert(&mut self, name: Cow<'de, str>) {
        if !self.many.is_empty() {
            self.many.insert(name);
            return;
        }
        self.few.push(name);
        if self.few.len() > FEW {
            self.many.extend(self.few.drain(..));
        }
    }
}

/// Reads an object's name, borrowed where it holds no escapes.
pub(super) struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

#[cfg(test)]
mod test {
    use super::*;

    fn problem(body: &[u8]) -> String {
        check(body).unwrap_err().to_json()["details"][0].to_string()
    }

    #[test]
    fn takes_json() {
        for body in ["{}", "[]", "null", "1", r#"{"a":{"a":[{"a":1},{"a":2}]},"b":"\u00e9"}"#] {
            assert_eq!(check(body.as_bytes()).unwrap(), body);
        }
    }

    #[test]
    fn a_name_twice_is_named_with_its_place() {
        assert_eq!(
            problem(br#"{"x":[0,{"a":1,"b":2,"\u0061":3}]}"#),
            r#"{"pointer":"/x/1/a","message":"the name `a` is given twice"}"#
        );
    }

    #[test]
    fn a_name_twice_among_many() {
        let members = (0..1_000).map(|n| format!("\"n{n}\":{n}")).collect::<Vec<_>>().join(",");
        assert!(check(format!("{{{members}}}").as_bytes()).is_ok());
        assert!(problem(format!("{{{members},\"n500\":0}}").as_bytes()).contains("/n500"));
    }

    #[test]
    fn nesting_to_the_bound_and_one_beyond() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(check(nested(NESTING_MAX).as_bytes()).is_ok());
        assert!(problem(nested(NESTING_MAX + 1).as_bytes()).contains("nested deeper than 64"));
        assert!(check(nested(100_000).as_bytes()).is_err());
    }

    #[test]
    fn what_is_not_json_is_told_where() {
        assert!(problem(b"{\"a\":}").contains("line 1 column 6"));
        assert!(problem(b"{} {}").contains("trailing characters"));
        assert!(problem(b"").contains("not JSON"));
        assert!(problem(b"\"\xff\"").contains("not UTF-8: bad byte at offset 1"));
        assert!(problem(br#"{"a":"\ud800"}"#).contains("not JSON"));
        assert!(problem(b"{\"a\":1e999}").contains("not JSON"));
    }
}
