//! Reading a request field by field: every problem is noted with its place, and what nobody asked for is a
//! problem too.

use super::json::Name;
pub(crate) use super::nearest::nearest;
use super::pointer::Pointer;
use super::refs::Refs;
use super::shape::{Presence, Shape};
use super::time;
use crate::error::Error;
use domain::command::Change;
use domain::{Problem, TextSet};
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use store::{Text, Timestamp};

/// Problems told of one request: enough to mend it, not enough to fill a screen with one mistake.
pub(crate) const PROBLEMS_MAX: usize = 50;

/// What [`domain::is_id`] takes, for the published schemas.
const ID_PATTERN: &str = "^[A-Za-z0-9._:-]{1,128}$";

/// 31,700 years: keeps milliseconds exact in an f64 and in range of an i64.
const SECONDS_MAX: f64 = 1e12;

/// Longest part of a bad value that a message repeats, in bytes.
pub(super) const SHORT_BYTES_MAX: usize = 60;

/// Everything found wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: RefCell<Vec<Problem>>,
    /// Something that is well formed but too large has a status of its own and goes before the rest.
    oversize: RefCell<Option<Error>>,
    /// In a batch: what `$name` stands for, by the refs of the operations before.
    refs: Option<Arc<Refs>>,
    /// The operations whose refs were met.
    used: RefCell<BTreeSet<usize>>,
    /// What is asked for, when nothing is read and that alone is wanted (see [`super::shape`]).
    asked: Option<RefCell<Shape>>,
}

impl Problems {
    /// For an operation of a batch.
    pub(crate) fn with_refs(refs: Arc<Refs>) -> Self {
        Self { refs: Some(refs), ..Self::default() }
    }

    /// The operations of the batch whose refs were met, in their order.
    pub(crate) fn used(&self) -> Vec<usize> {
        self.used.borrow().iter().copied().collect()
    }

    /// For a reader that is asked what it would read.
    pub(super) fn asking() -> Self {
        Self { asked: Some(RefCell::default()), ..Self::default() }
    }

    /// What the reader asked for.
    pub(super) fn asked(self) -> Shape {
        self.asked.map(RefCell::into_inner).unwrap_or_default()
    }

    pub(super) fn is_asking(&self) -> bool {
        self.asked.is_some()
    }

    pub(super) fn shape(&self, note: impl FnOnce(&mut Shape)) {
        if let Some(shape) = &self.asked {
            note(&mut shape.borrow_mut());
        }
    }

    pub(crate) fn add(&self, at: impl fmt::Display, message: impl Into<String>) {
        if self.is_asking() {
            return;
        }
        let mut problems = self.found.borrow_mut();
        if problems.len() < PROBLEMS_MAX {
            problems.push(Problem { pointer: at.to_string(), message: message.into() });
        }
    }

    /// Notes a part that is larger than it may be.
    pub(crate) fn oversize(&self, at: impl fmt::Display, bytes: usize) {
        let error = Error::event_too_large(None, Some(at.to_string()), bytes);
        self.oversize.borrow_mut().get_or_insert(error);
    }

    pub(crate) fn into_error(self) -> Option<Error> {
        if let Some(oversize) = self.oversize.into_inner() {
            return Some(oversize);
        }
        let problems = self.found.into_inner();
        (!problems.is_empty()).then(|| Error::validation(&problems))
    }
}

/// The members of one object, each taken at most once.
#[derive(Debug)]
pub(crate) struct Fields<'a, 'p> {
    at: Pointer<'p>,
    members: Vec<Option<(Cow<'a, str>, &'a RawValue)>>,
    asked: Vec<&'static str>,
    problems: &'p Problems,
}

/// One value and its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item<'a, 'p> {
    raw: &'a RawValue,
    at: Pointer<'p>,
    problems: &'p Problems,
}

impl<'a, 'p> Fields<'a, 'p> {
    /// The members of the document, noting a problem when it is no object.
    pub(crate) fn root(text: &'a str, problems: &'p Problems) -> Option<Self> {
        let raw: &RawValue = match serde_json::from_str(text) {
            Ok(raw) => raw,
            Err(error) => {
                problems.add("", format!("the body is not JSON: {error}"));
                return None;
            }
        };
        Item { raw, at: Pointer::Root, problems }.object()
    }

    /// The members of no document, for a reader that is asked what it would read.
    pub(super) fn nothing(problems: &'p Problems) -> Self {
        Self { at: Pointer::Root, members: Vec::new(), asked: Vec::new(), problems }
    }

    /// Says in JSON Schema what is asked of a member beyond what its reading tells.
    pub(crate) fn note(&self, name: &str, schema: impl FnOnce() -> Value) {
        self.problems.shape(|shape| shape.says(self.at.key(name), schema()));
    }

    /// Says in JSON Schema what is asked of the object as a whole.
    pub(crate) fn restrict(&self, schema: impl FnOnce() -> Value) {
        self.problems.shape(|shape| shape.says(self.at, schema()));
    }

    /// A member when it is there: anything, when what is read is only asked about.
    fn member(&mut self, name: &'static str, presence: Presence) -> Option<&'a RawValue> {
        if self.problems.is_asking() {
            self.problems.shape(|shape| shape.asks(self.at, name, presence));
            return Some(RawValue::NULL);
        }
        self.raw(name)
    }

    /// Whether a member counts as given.
    fn is_given(&self, raw: &RawValue) -> bool {
        raw.get() != "null" || self.problems.is_asking()
    }

    /// Notes that a member is larger than it may be.
    pub(crate) fn oversize(&self, name: &str, bytes: usize) {
        self.problems.oversize(self.at.key(name), bytes);
    }

    /// Notes that something about a member does not hold.
    pub(crate) fn problem(&self, name: &str, message: impl Into<String>) {
        self.problems.add(self.at.key(name), message);
    }

    /// Notes that the object as a whole does not hold.
    pub(crate) fn problem_of_all(&self, message: impl Into<String>) {
        self.problems.add(self.at, message);
    }

    /// The raw bytes of a member; `None` when it is absent, `Some("null")` when it is null.
    pub(crate) fn raw(&mut self, name: &'static str) -> Option<&'a RawValue> {
        self.asked.push(name);
        self.problems.shape(|shape| shape.asks(self.at, name, Presence::Optional));
        let member = self.members.iter_mut().find(|m| m.as_ref().is_some_and(|(n, _)| n == name))?;
        member.take().map(|(_, raw)| raw)
    }

    /// A member that is there and not null, handed to `read` with its place.
    pub(crate) fn take<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Item<'a, '_>) -> Option<T>,
    ) -> Option<T> {
        let raw = self.member(name, Presence::Optional).filter(|raw| self.is_given(raw))?;
        read(Item { raw, at: self.at.key(name), problems: self.problems })
    }

    /// A member that must be there. When it is not, that is noted and the default goes on in its place, so
    /// that the rest is looked at too.
    pub(crate) fn require<T: Default>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Item<'a, '_>) -> Option<T>,
    ) -> T {
        match self.member(name, Presence::Required).filter(|raw| self.is_given(raw)) {
            Some(raw) => {
                read(Item { raw, at: self.at.key(name), problems: self.problems }).unwrap_or_default()
            }
            None => {
                self.problem(name, "is required");
                T::default()
            }
        }
    }

    /// A member that may be left alone, emptied with null, or set.
    pub(crate) fn change<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Item<'a, '_>) -> Option<T>,
    ) -> Change<T> {
        match self.member(name, Presence::Optional) {
            None => Change::Keep,
            Some(raw) if !self.is_given(raw) => Change::Clear,
            Some(raw) => read(Item { raw, at: self.at.key(name), problems: self.problems })
                .map_or(Change::Keep, Change::Set),
        }
    }

    /// A member that may be left alone or set, not emptied.
    pub(crate) fn changed<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Item<'a, '_>) -> Option<T>,
    ) -> Option<T> {
        let raw = self.member(name, Presence::NotNull)?;
        if !self.is_given(raw) {
            self.problem(name, "cannot be null");
            return None;
        }
        read(Item { raw, at: self.at.key(name), problems: self.problems })
    }

    /// Text, if given.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<Text> {
        self.take(name, |item| item.text())
    }

    /// Text that must be given.
    pub(crate) fn required_text(&mut self, name: &'static str) -> Text {
        self.require(name, |item| item.some_text())
    }

    /// A JSON object, as the bytes that were received, if given.
    pub(crate) fn json_object(&mut self, name: &'static str) -> Option<Text> {
        self.take(name, |item| item.json_object())
    }

    /// The id of something there is, if given.
    pub(crate) fn id(&mut self, name: &'static str) -> Option<Text> {
        self.take(name, |item| item.id())
    }

    /// The id of something there is, which must be given.
    pub(crate) fn required_id(&mut self, name: &'static str) -> Text {
        self.require(name, |item| item.id())
    }

    /// Ids of what there is, none when not given.
    pub(crate) fn ids(&mut self, name: &'static str) -> Vec<Text> {
        self.take(name, |item| item.list(|item| item.id())).unwrap_or_default()
    }

    /// Whether a member is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.iter().flatten().any(|(known, _)| known == name)
    }

    /// A truth value, `false` when not given.
    pub(crate) fn flag(&mut self, name: &'static str) -> bool {
        self.take(name, |item| item.bool()).unwrap_or(false)
    }

    /// A list of texts, empty when not given.
    pub(crate) fn texts(&mut self, name: &'static str) -> Vec<Text> {
        self.take(name, |item| item.texts()).unwrap_or_default()
    }

    /// Takes every member that nobody asked for as known: what they mean is not known either.
    pub(crate) fn ignore_rest(&mut self) {
        self.members.clear();
    }

    /// Whether anything was found wrong so far.
    pub(crate) fn is_faulty(&self) -> bool {
        !self.problems.found.borrow().is_empty()
    }

    /// Notes every member that nobody asked for.
    pub(crate) fn finish(self) {
        self.problems.shape(|shape| shape.closes(self.at));
        for (name, _) in self.members.iter().flatten() {
            let message = match nearest(name, self.asked.iter().copied()) {
                Some(near) => format!("unknown field; did you mean `{near}`?"),
                None if self.asked.is_empty() => "unknown field; this call takes none".to_owned(),
                None => format!("unknown field; known here: {}", self.asked.join(", ")),
            };
            self.problems.add(self.at.key(name), message);
        }
    }
}

impl<'a, 'p> Item<'a, 'p> {
    /// Notes a problem with this value.
    pub(crate) fn problem<T>(&self, message: impl Into<String>) -> Option<T> {
        self.problems.add(self.at, message);
        None
    }

    /// Says in JSON Schema what is asked of this value.
    pub(crate) fn note(&self, schema: impl FnOnce() -> Value) {
        self.problems.shape(|shape| shape.says(self.at, schema()));
    }

    /// Whether nothing is read, and only what would be read is asked for.
    pub(crate) fn is_asking(&self) -> bool {
        self.problems.is_asking()
    }

    fn expected<T>(&self, what: &str) -> Option<T> {
        self.problem(format!("expected {what}, found {}", found(self.raw.get())))
    }

    fn read<T: de::Deserialize<'a>>(&self, what: &str) -> Option<T> {
        match serde_json::from_str(self.raw.get()) {
            Ok(value) => Some(value),
            Err(_) => self.expected(what),
        }
    }

    pub(crate) fn str(&self) -> Option<Cow<'a, str>> {
        self.note(|| json!({ "type": "string" }));
        if self.is_asking() {
            return Some(Cow::Borrowed(""));
        }
        match self.is_text() {
            true => Name.deserialize(&mut serde_json::Deserializer::from_str(self.raw.get())).ok(),
            false => self.expected("text"),
        }
    }

    pub(crate) fn is_text(&self) -> bool {
        self.raw.get().starts_with('"')
    }

    pub(crate) fn text(&self) -> Option<Text> {
        self.str().map(|text| Text::from(&*text))
    }

    /// The id of something there is. In a batch `$name` is the id that the operation of that `ref` makes.
    pub(crate) fn id(&self) -> Option<Text> {
        let id = self.text()?;
        let (Some(refs), Some(name)) = (&self.problems.refs, id.strip_prefix('$')) else { return Some(id) };
        let made = refs.get(name).map(|made| {
            self.problems.used.borrow_mut().insert(made.op);
            // Of one that could not be read nothing is carried out that needs it.
            made.id.clone().unwrap_or_else(|| id.clone())
        });
        made.or_else(|| {
            let known = nearest(name, refs.keys().map(|name| &**name));
            let hint = known.map_or_else(String::new, |near| format!("; did you mean `${near}`?"));
            self.problem(format!("no operation before this one has the ref `{}`{hint}", short(name)))
        })
    }

    /// Text that must say something; the model refuses it when it does not.
    pub(crate) fn some_text(&self) -> Option<Text> {
        let text = self.text();
        self.note(|| json!({ "minLength": 1 }));
        text
    }

    /// Text that the model takes only when it could be an id.
    pub(crate) fn like_an_id(&self) -> Option<Text> {
        let text = self.text();
        self.note(|| json!({ "pattern": ID_PATTERN }));
        text
    }

    /// An id for something new.
    pub(crate) fn new_id(&self) -> Option<Text> {
        let id = self.text()?;
        self.note(|| json!({ "pattern": ID_PATTERN }));
        match domain::is_id(&id) {
            true => Some(id),
            false => self.problem(format!(
                "must be 1 to {} of the characters A-Z a-z 0-9 . _ : -, found `{}`",
                domain::ID_CHARS_MAX,
                short(&id)
            )),
        }
    }

    pub(crate) fn bool(&self) -> Option<bool> {
        self.note(|| json!({ "type": "boolean" }));
        self.read("true or false")
    }

    pub(crate) fn int(&self) -> Option<i64> {
        self.note(|| json!({ "type": "integer", "minimum": i64::MIN, "maximum": i64::MAX }));
        if self.is_asking() {
            return Some(0);
        }
        self.read("a whole number")
    }

    /// A whole number in a range.
    pub(crate) fn int_in(&self, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let value = self.int()?;
        self.note(|| json!({ "minimum": range.start(), "maximum": range.end() }));
        match range.contains(&value) {
            true => Some(value),
            false => self.problem(format!("expected {} to {}, found {value}", range.start(), range.end())),
        }
    }

    /// A whole number from 0.
    pub(crate) fn count(&self) -> Option<u64> {
        self.note(|| json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX }));
        self.read("a whole number from 0")
    }

    pub(crate) fn number(&self) -> Option<f64> {
        self.note(|| json!({ "type": "number" }));
        self.read("a number")
    }

    /// Seconds, with a fraction if one likes, in milliseconds.
    pub(crate) fn seconds_as_ms(&self) -> Option<i64> {
        self.note(|| json!({ "minimum": 0, "maximum": SECONDS_MAX }));
        let seconds = self.number()?;
        match (0.0..=SECONDS_MAX).contains(&seconds) {
            true => Some((seconds * 1_000.0).round() as i64),
            false => self.problem(format!("expected seconds from 0, found {seconds}")),
        }
    }

    pub(crate) fn time(&self) -> Option<Timestamp> {
        self.note(|| json!({ "format": "date-time" }));
        match time::parse(&self.str()?) {
            Ok(time) => Some(time),
            Err(message) => self.problem(message),
        }
    }

    /// One of a closed list of words.
    pub(crate) fn word<T: Copy + fmt::Display>(&self, all: &[T]) -> Option<T> {
        let word = self.str()?;
        self.note(|| json!({ "enum": all.iter().map(ToString::to_string).collect::<Vec<_>>() }));
        if let Some(found) = all.iter().find(|candidate| candidate.to_string() == word) {
            return Some(*found);
        }
        let words: Vec<String> = all.iter().map(ToString::to_string).collect();
        let hint = nearest(&word, words.iter().map(String::as_str))
            .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        self.problem(format!("expected one of {}; found `{}`{hint}", words.join(", "), short(&word)))
    }

    /// A JSON object, as the bytes that were received.
    pub(crate) fn json_object(&self) -> Option<Text> {
        self.note(|| json!({ "type": "object" }));
        if self.is_asking() {
            return Some("{}".into());
        }
        match self.raw.get().starts_with('{') {
            true => Some(self.raw.get().into()),
            false => self.expected("an object"),
        }
    }

    /// The value itself.
    pub(crate) fn raw_value(&self) -> Box<RawValue> {
        self.raw.to_owned()
    }

    /// Any JSON, as the bytes that were received.
    pub(crate) fn json(&self) -> Option<Text> {
        Some(self.raw.get().into())
    }

    /// The members of an object.
    pub(crate) fn object(&self) -> Option<Fields<'a, 'p>> {
        self.note(|| json!({ "type": "object" }));
        if self.is_asking() {
            return Some(Fields { at: self.at, ..Fields::nothing(self.problems) });
        }
        if !self.raw.get().starts_with('{') {
            return self.expected("an object");
        }
        let members = Members.deserialize(&mut serde_json::Deserializer::from_str(self.raw.get())).ok()?;
        Some(Fields { at: self.at, members, asked: Vec::new(), problems: self.problems })
    }

    /// Reads an object whole: every member it holds must be asked for by `read`.
    pub(crate) fn whole<T>(&self, read: impl FnOnce(&mut Fields<'a, 'p>) -> T) -> Option<T> {
        let mut fields = self.object()?;
        let value = read(&mut fields);
        fields.finish();
        Some(value)
    }

    /// The elements of an array, each read by `read`; those it refuses are left out (and noted).
    pub(crate) fn list<T>(&self, mut read: impl FnMut(Item<'a, '_>) -> Option<T>) -> Option<Vec<T>> {
        if self.is_asking() {
            self.problems.shape(|shape| shape.lists(self.at));
            read(Item { at: self.at.index(0), ..*self });
            return Some(Vec::new());
        }
        if !self.raw.get().starts_with('[') {
            return self.expected("a list");
        }
        let elements = Elements.deserialize(&mut serde_json::Deserializer::from_str(self.raw.get())).ok()?;
        let mut values = Vec::with_capacity(elements.len());
        for (index, raw) in elements.into_iter().enumerate() {
            values.extend(read(Item { raw, at: self.at.index(index), problems: self.problems }));
        }
        Some(values)
    }

    /// An object whose members are all text.
    pub(crate) fn text_map(&self) -> Option<Vec<(String, String)>> {
        self.note(|| json!({ "additionalProperties": { "type": "string" } }));
        let members = self.object()?.members;
        let mut texts = Vec::with_capacity(members.len());
        for (name, raw) in members.into_iter().flatten() {
            let item = Item { raw, at: self.at.key(&name), problems: self.problems };
            if let Some(text) = item.str() {
                let text = text.into_owned();
                texts.push((name.into_owned(), text));
            }
        }
        Some(texts)
    }

    pub(crate) fn texts(&self) -> Option<Vec<Text>> {
        self.list(|item| item.text())
    }

    pub(crate) fn set(&self) -> Option<TextSet> {
        let set = self.texts().map(TextSet::from);
        self.note(|| {
            let word = json!({ "type": "string", "minLength": 1, "maxLength": domain::WORD_CHARS_MAX });
            json!({ "items": word, "maxItems": domain::WORDS_MAX })
        });
        set
    }
}

struct Members;

impl<'de> DeserializeSeed<'de> for Members {
    type Value = Vec<Option<(Cow<'de, str>, &'de RawValue)>>;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members {
    type Value = Vec<Option<(Cow<'de, str>, &'de RawValue)>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = map.next_key_seed(Name)? {
            members.push(Some((name, map.next_value()?)));
        }
        Ok(members)
    }
}

struct Elements;

impl<'de> DeserializeSeed<'de> for Elements {
    type Value = Vec<&'de RawValue>;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(raw) = seq.next_element()? {
            elements.push(raw);
        }
        Ok(elements)
    }
}

/// What a value is, in words, for "found …".
fn found(raw: &str) -> String {
    match raw.as_bytes().first() {
        Some(b'"') => format!("the text {}", short(raw)),
        Some(b'{') => "an object".to_owned(),
        Some(b'[') => "a list".to_owned(),
        _ => short(raw).into_owned(),
    }
}

/// The text, or its beginning and `…`.
pub(crate) fn short(text: &str) -> Cow<'_, str> {
    if text.len() <= SHORT_BYTES_MAX {
        return Cow::Borrowed(text);
    }
    let mut end = SHORT_BYTES_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!("{}…", &text[..end]))
}

#[cfg(test)]
mod test {
    use super::super::decode;
    use super::*;
    use domain::rows::TaskStatus;

    fn problems<T: fmt::Debug>(
        body: &str,
        read: impl FnOnce(&mut Fields<'_, '_>) -> T,
    ) -> Vec<(String, String)> {
        let error = decode(body.as_bytes(), read).unwrap_err().to_json();
        let details = error["details"].as_array().unwrap().clone();
        let part = |d: &serde_json::Value, name: &str| d[name].as_str().unwrap().to_owned();
        details.iter().map(|d| (part(d, "pointer"), part(d, "message"))).collect()
    }

    #[test]
    fn every_problem_is_told() {
        let found = problems(r#"{"titel":"x","priority":"high","caps":["a",1],"due_at":"soon"}"#, |f| {
            f.required_text("title");
            f.take("priority", |i| i.int());
            f.take("caps", |i| i.set());
            f.take("due_at", |i| i.time());
        });
        let places: Vec<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(places, ["/title", "/priority", "/caps/1", "/due_at", "/titel"]);
        assert_eq!(found[0].1, "is required");
        assert_eq!(found[1].1, "expected a whole number, found the text \"high\"");
        assert_eq!(found[2].1, "expected text, found 1");
        assert_eq!(found[4].1, "unknown field; did you mean `title`?");
    }

    #[test]
    fn a_word_off_the_list_names_the_list() {
        let found = problems(r#"{"status":"opne"}"#, |f| f.take("status", |i| i.word(TaskStatus::ALL)));
        assert!(found[0].1.starts_with("expected one of open, in_progress"), "{found:?}");
        assert!(found[0].1.ends_with("did you mean `open`?"), "{found:?}");
    }

    #[test]
    fn null_is_absent_or_clears() {
        let (text, change) =
            decode(br#"{"a":null,"b":null}"#, |f| (f.text("a"), f.change("b", |i| i.text()))).unwrap();
        assert_eq!((text, change), (None, Change::Clear));
    }

    #[test]
    fn bytes_are_kept_as_received() {
        let data =
            decode(br#"{"data": {"b" : 1.50, "a":"\u0041"} }"#, |f| f.take("data", |i| i.json_object()));
        assert_eq!(data.unwrap().as_deref(), Some(r#"{"b" : 1.50, "a":"\u0041"}"#));
    }

    #[test]
    fn only_an_object_is_a_request() {
        for body in ["[]", "1", "null", "\"x\""] {
            assert_eq!(problems(body, |_| ())[0].0, "");
        }
    }

    #[test]
    fn problems_are_bounded() {
        let body = format!("{{{}}}", (0..200).map(|n| format!("\"f{n}\":1")).collect::<Vec<_>>().join(","));
        assert_eq!(problems(&body, |_| ()).len(), PROBLEMS_MAX);
    }
}
