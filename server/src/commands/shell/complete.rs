//! What Tab offers: tables, columns, functions and keywords, as they fit what was typed.

// Without the line editor there is no Tab to offer it to.
#![cfg_attr(not(feature = "line-editor"), allow(dead_code))]

/// Everything that can be offered.
#[derive(Debug, Clone, Default)]
pub(super) struct Words {
    /// Tables, each with its columns.
    pub(super) tables: Vec<(&'static str, Vec<&'static str>)>,
    /// Functions and aggregates.
    pub(super) functions: Vec<&'static str>,
    /// Keywords, in small letters.
    pub(super) keywords: Vec<&'static str>,
}

/// One offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    /// What takes the place of the word.
    pub(super) text: String,
    /// What it is.
    pub(super) what: &'static str,
}

/// What fits the word that ends at byte `at`, and where that word begins.
pub(super) fn complete(text: &str, at: usize, words: &Words) -> (usize, Vec<Offer>) {
    let before = &text[..text.floor_char_boundary(at)];
    let begins = before.rfind(|c| !is_of_a_word(c)).map_or(0, |at| at + last_len(before, at));
    let (typed, ahead) = (&before[begins..], &before[..begins]);
    if is_in_a_text(ahead) {
        return (begins, Vec::new());
    }
    let mut offers = Vec::new();
    let mut offer = |texts: &mut dyn Iterator<Item = String>, what| {
        for text in texts {
            let fits = text.len() >= typed.len()
                && text.as_bytes()[..typed.len()].eq_ignore_ascii_case(typed.as_bytes());
            if fits && !offers.iter().any(|offer: &Offer| offer.text == text) {
                offers.push(Offer { text, what });
            }
        }
    };
    let columns = |table: &str| {
        let table = words.tables.iter().find(|(name, _)| name.eq_ignore_ascii_case(table));
        table.map(|(_, columns)| columns.as_slice()).unwrap_or_default()
    };
    let named = tables_of(text, words);
    if let Some(qualifier) = ahead.strip_suffix('.').map(last_word) {
        let table = named.iter().find(|(name, _)| name.eq_ignore_ascii_case(qualifier));
        let table = table.map_or(qualifier, |(_, table)| table);
        offer(&mut columns(table).iter().map(ToString::to_string), "column");
        return (begins, offers);
    }
    let previous = last_word(ahead.trim_end()).to_ascii_lowercase();
    if matches!(&*previous, "from" | "join" | "describe" | "subscribe") {
        offer(&mut words.tables.iter().map(|(name, _)| (*name).to_owned()), "table");
        return (begins, offers);
    }
    let of_the_text = named.iter().flat_map(|(_, table)| columns(table));
    offer(&mut of_the_text.map(ToString::to_string), "column");
    if named.is_empty() && !typed.is_empty() {
        let all = words.tables.iter().flat_map(|(_, columns)| columns);
        offer(&mut all.map(ToString::to_string), "column");
    }
    if !typed.is_empty() {
        offer(&mut words.functions.iter().map(|name| format!("{name}(")), "function");
    }
    // In the letters that were begun with.
    let small = typed.starts_with(|c: char| c.is_ascii_lowercase());
    let keyword = |word: &&str| if small { (*word).to_owned() } else { word.to_ascii_uppercase() };
    offer(&mut words.keywords.iter().map(keyword), "keyword");
    (begins, offers)
}

fn is_of_a_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn last_len(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(0, char::len_utf8)
}

/// The word that a text ends with.
fn last_word(text: &str) -> &str {
    let begins = text.rfind(|c| !is_of_a_word(c)).map_or(0, |at| at + last_len(text, at));
    &text[begins..]
}

/// Whether a place after this text is inside of `'…'`.
fn is_in_a_text(ahead: &str) -> bool {
    ahead.matches('\'').count() % 2 == 1
}

/// The names that the text gives to tables, their own and their aliases: (name, table).
fn tables_of<'t>(text: &'t str, words: &Words) -> Vec<(&'t str, &'t str)> {
    let tokens: Vec<&str> = text.split(|c| !is_of_a_word(c)).filter(|token| !token.is_empty()).collect();
    let mut named = Vec::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        let leads = matches!(&*pair[0].to_ascii_lowercase(), "from" | "join" | "describe" | "subscribe");
        let table = pair[1];
        if !leads || !words.tables.iter().any(|(name, _)| name.eq_ignore_ascii_case(table)) {
            continue;
        }
        named.push((table, table));
        let is_keyword = |word: &str| words.keywords.contains(&&*word.to_ascii_lowercase());
        let after = tokens[at + 2..].iter().skip_while(|word| word.eq_ignore_ascii_case("as"));
        named.extend(after.take(1).filter(|word| !is_keyword(word)).map(|alias| (*alias, table)));
    }
    named
}

#[cfg(test)]
mod test {
    use super::*;

    fn words() -> Words {
        Words {
            tables: vec![("tasks", vec!["id", "status", "caps"]), ("runs", vec!["id", "started_at"])],
            functions: vec!["starts_with", "size"],
            keywords: vec!["select", "from", "where", "start", "show"],
        }
    }

    /// `|` is the cursor.
    fn offered(text: &str) -> (usize, Vec<String>) {
        let at = text.find('|').unwrap();
        let (begins, offers) = complete(&text.replace('|', ""), at, &words());
        (begins, offers.into_iter().map(|offer| offer.text).collect())
    }

    #[test]
    fn each_place_has_its_words() {
        for (text, begins, wanted) in [
            ("SEL|", 0, &["SELECT"][..]),
            ("sel|", 0, &["select"]),
            ("SELECT id FROM |", 15, &["tasks", "runs"]),
            ("SELECT id FROM T|", 15, &["tasks"]),
            ("DESCRIBE r|", 9, &["runs"]),
            ("SELECT st| FROM tasks", 7, &["status", "starts_with(", "start"]),
            ("SELECT st| FROM runs", 7, &["started_at", "starts_with(", "start"]),
            ("SELECT t.| FROM tasks AS t", 9, &["id", "status", "caps"]),
            ("SELECT r.s| FROM tasks t JOIN runs r ON true", 9, &["started_at"]),
            ("SELECT tasks.c| FROM tasks WHERE 1 = 1", 13, &["caps"]),
            ("SELECT id FROM tasks WHERE status = 'sel|", 37, &[]),
            ("SELECT größe, sel|", 16, &["select"]),
            ("SELECT nothing.x|", 15, &[]),
        ] {
            let (at, offers) = offered(text);
            assert_eq!(
                (at, offers.iter().map(String::as_str).collect::<Vec<_>>()),
                (begins, wanted.to_vec()),
                "{text}"
            );
        }
    }

    #[test]
    fn any_place_is_taken() {
        let text = "SELECT 'größe' FROM tasks t WHERE t.";
        for at in 0..=text.len() + 3 {
            complete(text, at.min(text.len()), &words());
        }
    }
}
