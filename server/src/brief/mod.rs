//! The brief of a task: what somebody who takes it up must know, within a budget of tokens.

mod tokens;
mod worth;

#[cfg(test)]
mod test;

pub(crate) use tokens::estimate;
pub(crate) use worth::Worth;

use serde_json::{Map, Value};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Tokens of a brief when nothing is said: a small part of any model's window.
pub(crate) const TOKENS_DEFAULT: u64 = 2_000;

/// Fewest tokens that may be asked for: less than this holds no task.
pub(crate) const TOKENS_MIN: u64 = 200;

/// Most tokens that may be asked for. Who wants more wants `GET /tasks/{id}?include=`.
pub(crate) const TOKENS_MAX: u64 = 100_000;

/// No part is fewer tokens than this, so a budget tells how many parts are worth looking at.
const PART_TOKENS_MIN: usize = 8;

/// When not all fits, a text of a part takes no more than one in so many of the budget's bytes …
const PARTS_SHARE: usize = 8;

/// … and the task's own intent no more than one in so many.
const INTENT_SHARE: usize = 4;

/// Bytes of a token when a budget becomes a bound on bytes; [`estimate`] never counts fewer tokens.
const TOKEN_BYTES: usize = 4;

/// The lists of a brief, in the order in which they stand.
const LISTS: [&str; 7] = ["blocked_by", "leases", "progress", "context", "children", "runs", "recent_events"];

/// Columns of the task that are left when everything else had to go.
const BARE: [&str; 6] = ["id", "title", "status", "owner_agent_id", "priority", "version"];

/// Columns that go last before that, the least useful first.
const USEFUL: [&str; 9] =
    ["project_id", "parent_id", "type", "class", "due_at", "labels", "caps", "blocked_by_count", "intent"];

/// One of the things in a brief.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    pub(crate) worth: Worth,
    pub(crate) value: Map<String, Value>,
}

/// All there is to tell, before it is fitted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    /// The task's columns that have a value.
    pub(crate) task: Map<String, Value>,
    /// The rest, within each kind the oldest (or first) first.
    pub(crate) parts: Vec<Part>,
    /// What nobody looked at because the budget cannot hold so many: how many of which name.
    pub(crate) left_out: BTreeMap<&'static str, usize>,
}

/// The places of parts in a list, the most useful first.
pub(crate) fn best_first(worths: impl Iterator<Item = Worth>) -> Vec<usize> {
    let mut best: Vec<_> = worths
        .enumerate()
        .map(|(at, worth)| {
            let within_its_kind = if worth.begins_with_the_best() { at } else { usize::MAX - at };
            (Reverse(worth), within_its_kind, at)
        })
        .collect();
    best.sort_unstable();
    best.into_iter().map(|(_, _, at)| at).collect()
}

/// How many parts a budget can hold at most.
pub(crate) fn parts_max(tokens_max: usize) -> usize {
    tokens_max / PART_TOKENS_MIN
}

/// The brief: `draft` cut to `tokens_max`.
///
/// What fits is whole. When not all fits, long texts are cut first, so that none crowds out the others; where the task
/// alone is still too much, its columns go, the least useful first, until it fits; then parts go in the order of
/// [`Worth`], the oldest first, until the rest fits. If even the [bare](BARE) task is too much, the brief says
/// `over_budget`.
pub(crate) fn fit(draft: Draft, tokens_max: usize) -> Map<String, Value> {
    let Draft { mut task, mut parts, left_out } = draft;
    let mut given_up = GivenUp { counts: left_out, text_bytes: 0 };
    let whole = assemble(&task, &parts, &given_up, tokens_max);
    if given_up.counts.is_empty() && is_within(&whole, tokens_max) {
        return whole;
    }
    let bytes_max = tokens_max * TOKEN_BYTES;
    for part in &mut parts {
        given_up.text_bytes += cut_texts(&mut part.value, bytes_max / PARTS_SHARE, None);
    }
    given_up.text_bytes += cut_texts(&mut task, bytes_max / PARTS_SHARE, Some(bytes_max / INTENT_SHARE));
    drop_columns(&mut task, &parts, &mut given_up, tokens_max);
    drop_parts(&task, &mut parts, &mut given_up, tokens_max);
    let mut fitted = assemble(&task, &parts, &given_up, tokens_max);
    if !is_within(&fitted, tokens_max) {
        fitted.insert("over_budget".to_owned(), true.into());
        count_itself(&mut fitted);
    }
    fitted
}

/// What did not fit.
#[derive(Debug, Clone, Default)]
struct GivenUp {
    counts: BTreeMap<&'static str, usize>,
    text_bytes: usize,
}

impl GivenUp {
    /// As if all parts had been dropped: the longest that can be said of it.
    fn with_all(&self, parts: &[Part]) -> Self {
        let mut all = self.clone();
        for part in parts {
            *all.counts.entry(part.worth.name()).or_default() += 1;
        }
        all
    }
}

/// Gives up columns of the task, the least useful first, until it fits by itself.
fn drop_columns(task: &mut Map<String, Value>, parts: &[Part], given_up: &mut GivenUp, tokens_max: usize) {
    let may_go = |name: &&String| !BARE.contains(&name.as_str());
    let mut columns: Vec<String> = task.keys().filter(may_go).cloned().collect();
    columns.sort_by_key(|name| USEFUL.iter().position(|useful| useful == name).map_or(0, |at| at + 1));
    for column in columns {
        if is_within(&assemble(task, &[], &given_up.with_all(parts), tokens_max), tokens_max) {
            break;
        }
        if let Some(Value::String(text)) = task.remove(&column)
            && column == "intent"
        {
            given_up.text_bytes += text.len();
        }
    }
}

/// Gives up parts, the least useful first, until the rest fits.
fn drop_parts(task: &Map<String, Value>, parts: &mut Vec<Part>, given_up: &mut GivenUp, tokens_max: usize) {
    let mut tokens = tokens_of(&assemble(task, &[], &given_up.with_all(parts), tokens_max));
    let mut kept = vec![false; parts.len()];
    for at in best_first(parts.iter().map(|part| part.worth)) {
        // And the comma, or the name of what is an object by itself.
        tokens += tokens_of(&parts[at].value) + 1;
        if tokens > tokens_max {
            break;
        }
        kept[at] = true;
    }
    let mut kept = kept.into_iter();
    parts.retain(|part| {
        let keep = kept.next().unwrap_or_default();
        if !keep {
            *given_up.counts.entry(part.worth.name()).or_default() += 1;
        }
        keep
    });
}

/// The brief of these parts, with the estimate of itself.
fn assemble(
    task: &Map<String, Value>,
    parts: &[Part],
    given_up: &GivenUp,
    tokens_max: usize,
) -> Map<String, Value> {
    let mut brief = Map::new();
    brief.insert("task".to_owned(), task.clone().into());
    let of = |member: &'static str| {
        let parts = parts.iter().filter(move |part| part.worth.member() == member);
        parts.map(|part| Value::from(part.value.clone()))
    };
    brief.insert("parent".to_owned(), of("parent").next().unwrap_or_default());
    for list in LISTS {
        brief.insert(list.to_owned(), of(list).collect::<Vec<_>>().into());
    }
    let mut dropped: Map<String, Value> =
        given_up.counts.iter().map(|(name, count)| ((*name).to_owned(), (*count).into())).collect();
    if given_up.text_bytes > 0 {
        dropped.insert("text_bytes".to_owned(), given_up.text_bytes.into());
    }
    brief.insert("dropped".to_owned(), dropped.into());
    brief.insert("max_tokens".to_owned(), tokens_max.into());
    brief.insert("over_budget".to_owned(), false.into());
    brief.insert("estimated_tokens".to_owned(), tokens_max.into());
    count_itself(&mut brief);
    brief
}

/// Sets `estimated_tokens` to the estimate of the brief with this very number in it.
fn count_itself(brief: &mut Map<String, Value>) {
    loop {
        let tokens = Value::from(tokens_of(brief));
        // Only the digits of the number count, so that it settles at once.
        if brief.insert("estimated_tokens".to_owned(), tokens.clone()).is_some_and(|before| before == tokens)
        {
            return;
        }
    }
}

fn tokens_of(value: &Map<String, Value>) -> usize {
    serde_json::to_string(value).map_or(0, |text| estimate(&text))
}

fn is_within(brief: &Map<String, Value>, tokens_max: usize) -> bool {
    brief["estimated_tokens"].as_u64().is_some_and(|tokens| tokens <= tokens_max as u64)
}

/// Shortens texts to so many bytes, the `intent` to others; takes away JSON that is longer. Gives the bytes that went.
fn cut_texts(value: &mut Map<String, Value>, bytes_max: usize, intent_max: Option<usize>) -> usize {
    let mut gone = 0;
    value.retain(|name, value| match value {
        // What names something is of no use in part.
        Value::String(_) if name == "id" || name.ends_with("_id") => true,
        Value::String(text) => {
            let bytes_max = intent_max.filter(|_| name == "intent").unwrap_or(bytes_max);
            gone += cut(text, bytes_max);
            true
        }
        Value::Array(_) | Value::Object(_) => {
            let bytes = value.to_string().len();
            let keep = bytes <= bytes_max;
            gone += if keep { 0 } else { bytes };
            keep
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    });
    gone
}

/// Shortens one text, at a character boundary, with `…` for what went; gives how many bytes that is.
fn cut(text: &mut String, bytes_max: usize) -> usize {
    const ELLIPSIS: char = '…';
    if text.len() <= bytes_max {
        return 0;
    }
    let keep = text.floor_char_boundary(bytes_max.saturating_sub(ELLIPSIS.len_utf8()));
    let gone = text.len() - keep;
    text.truncate(keep);
    text.push(ELLIPSIS);
    gone
}
