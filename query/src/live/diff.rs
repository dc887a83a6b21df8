//! Differences: rows that an answer has from a position on, and rows that it has no more.

use rustc_hash::FxHashMap;
use store::Position;

/// Rows of one piece of a difference.
const PIECE_ROWS_MAX: usize = 1_000;

/// Bytes of JSON after which a piece of a difference ends.
const PIECE_BYTES_MAX: usize = 256 << 10;

/// A row that came or went, as a JSON object of the query's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// It came; otherwise one like it went.
    pub is_added: bool,
    /// The row.
    pub row: Vec<u8>,
}

/// What changed with the commit that ends at a position, or a piece of that where it is long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// With the changes of all pieces taken in, the answer is that of this position.
    pub position: Position,
    /// First what went, then what came. Rows of the same content are told apart by nothing but their number.
    pub changes: Vec<Change>,
    /// No other piece of this position follows.
    pub is_last: bool,
}

impl Diff {
    /// Writes the changes as an array: `[{"op":"+","row":{…}},…]`.
    pub fn write_changes(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        for (nth, change) in self.changes.iter().enumerate() {
            if nth > 0 {
                out.push(b',');
            }
            let op: &[u8] = if change.is_added { br#"{"op":"+","row":"# } else { br#"{"op":"-","row":"# };
            out.extend_from_slice(op);
            out.extend_from_slice(&change.row);
            out.push(b'}');
        }
        out.push(b']');
    }
}

/// What came and went with one commit, before what cancels out is taken away.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    gone: Vec<Vec<u8>>,
    come: Vec<Vec<u8>>,
}

impl Gathered {
    /// A row of the answer is another now, or came, or went.
    pub(super) fn turned(&mut self, before: Option<Vec<u8>>, after: Option<Vec<u8>>) {
        if before != after {
            self.gone.extend(before);
            self.come.extend(after);
        }
    }

    /// Everything that is left, what went before what came: a row that one thing took and another gave is nothing.
    pub(super) fn changes(self) -> Vec<Change> {
        let Self { mut gone, mut come } = self;
        if !gone.is_empty() && !come.is_empty() {
            let mut taken: FxHashMap<Vec<u8>, usize> = FxHashMap::default();
            for row in &gone {
                *taken.entry(row.clone()).or_default() += 1;
            }
            let mut given_back: FxHashMap<Vec<u8>, usize> = FxHashMap::default();
            come.retain(|row| match taken.get_mut(row).filter(|left| **left > 0) {
                Some(left) => {
                    *left -= 1;
                    *given_back.entry(row.clone()).or_default() += 1;
                    false
                }
                None => true,
            });
            gone.retain(|row| match given_back.get_mut(row).filter(|left| **left > 0) {
                Some(left) => {
                    *left -= 1;
                    false
                }
                None => true,
            });
        }
        let gone = gone.into_iter().map(|row| Change { is_added: false, row });
        gone.chain(come.into_iter().map(|row| Change { is_added: true, row })).collect()
    }
}

/// The changes of one position in pieces of bounded size; none if there are no changes.
pub(super) fn pieces(position: Position, changes: Vec<Change>, into: &mut Vec<Diff>) {
    let mut piece = Vec::new();
    let mut bytes = 0;
    for change in changes {
        if piece.len() == PIECE_ROWS_MAX || bytes >= PIECE_BYTES_MAX {
            into.push(Diff { position, changes: std::mem::take(&mut piece), is_last: false });
            bytes = 0;
        }
        bytes += change.row.len();
        piece.push(change);
    }
    if !piece.is_empty() {
        into.push(Diff { position, changes: piece, is_last: true });
    }
}

#[cfg(test)]
mod test {
    use super::*;

    fn row(text: &str) -> Option<Vec<u8>> {
        Some(text.into())
    }

    fn told(gathered: Gathered) -> String {
        let told = gathered.changes().into_iter().map(|change| {
            format!("{}{}", if change.is_added { '+' } else { '-' }, String::from_utf8_lossy(&change.row))
        });
        told.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_one_takes_and_another_gives_is_nothing() {
        let mut gathered = Gathered::default();
        gathered.turned(row("a"), row("a"));
        assert_eq!(told(gathered), "");
        let mut gathered = Gathered::default();
        gathered.turned(row("a"), row("b"));
        gathered.turned(row("b"), row("a"));
        assert_eq!(told(gathered), "");
        let mut gathered = Gathered::default();
        for (before, after) in [(None, row("c")), (row("a"), row("b")), (row("a"), None), (None, row("a"))] {
            gathered.turned(before, after);
        }
        assert_eq!(told(gathered), "-a +c +b", "of two that look the same one went");
    }

    #[test]
    fn long_differences_come_in_pieces() {
        let change = |bytes| Change { is_added: true, row: vec![b'1'; bytes] };
        let mut all = Vec::new();
        pieces(Position(7), vec![change(1); 2 * PIECE_ROWS_MAX + 1], &mut all);
        pieces(Position(8), vec![change(PIECE_BYTES_MAX); 2], &mut all);
        pieces(Position(9), Vec::new(), &mut all);
        let told: Vec<(u64, usize, bool)> =
            all.iter().map(|diff| (diff.position.0, diff.changes.len(), diff.is_last)).collect();
        let most = PIECE_ROWS_MAX;
        assert_eq!(told, [(7, most, false), (7, most, false), (7, 1, true), (8, 1, false), (8, 1, true)]);
    }

    #[test]
    fn changes_as_json() {
        let diff = Diff {
            position: Position(1),
            changes: vec![
                Change { is_added: false, row: b"{}".to_vec() },
                Change { is_added: true, row: br#"{"a":1}"#.to_vec() },
            ],
            is_last: true,
        };
        let mut out = Vec::new();
        diff.write_changes(&mut out);
        assert_eq!(String::from_utf8_lossy(&out), r#"[{"op":"-","row":{}},{"op":"+","row":{"a":1}}]"#);
    }
}
