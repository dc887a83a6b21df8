//! What a process asked of the kernel, in order: the output of `strace`, parsed, and held against one rule.
//!
//! The rule: **the write that carries an event's record to the log ends before a sync of that file begins, and
//! that sync returns 0 before any write that tells of the event begins.** A line of the trace is a moment. Calls
//! that overlap are written as two lines (`<unfinished ...>`, `<... resumed>`), so a call has a line where it
//! began and one where it ended, and "before" is told from them, not from clocks.

use std::collections::HashMap;
use std::fmt;

/// What `strace` is asked to write down: all calls by which bytes leave the process, and all that make them
/// durable. In lines as [`Trace::parse`] reads them: every thread, the names behind descriptors, all bytes.
pub const STRACE: [&str; 10] = [
    "-D",
    "-f",
    "--seccomp-bpf",
    "-ttt",
    "-yy",
    "-xx",
    "-s",
    "16777216",
    "-e",
    "trace=write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendmmsg,sendfile,splice,fsync,fdatasync,\
     sync_file_range,msync",
];

/// So much of a line that is not understood is shown.
const SHOWN_CHARS: usize = 200;

/// A traced process, as far as it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// In the order in which they began.
    pub calls: Vec<Call>,
}

/// One system call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// What is behind the descriptor: a path, or `TCP:[…]`, `UNIX-STREAM:[…]` and the like.
    pub target: String,
    /// All bytes in its arguments, one after another.
    pub bytes: Vec<u8>,
    /// Line of the trace at which it began, from 1.
    pub began: usize,
    /// Line of the trace at which it returned, and what; none if it was under way when the trace ended.
    pub ended: Option<(usize, i64)>,
}

impl Call {
    /// Whether it makes a file durable. The others write.
    #[must_use]
    pub fn syncs(&self) -> bool {
        matches!(self.name.as_str(), "fsync" | "fdatasync")
    }

    /// Whether it goes to another process.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        ["TCP:", "TCPv6:", "UNIX", "socket:"].iter().any(|kind| self.target.starts_with(kind))
    }

    fn ended_well(&self) -> Option<usize> {
        let enough =
            if self.syncs() { 0 } else { i64::try_from(self.bytes.len()).expect("writes are short") };
        self.ended.filter(|(_, result)| *result == enough).map(|(line, _)| line)
    }
}

/// An event that a client was told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Bytes that only its record has.
    pub in_record: Vec<u8>,
    /// Bytes that only what tells of it has.
    pub in_reply: Vec<u8>,
}

/// What is wrong with the order in which one event was written, synced and told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// It was told, and no whole write of its record to the log was seen.
    NotWritten,
    /// The trace does not show how the client came to know of it: the trace is not whole.
    NotTold,
    /// It was told before its record was written.
    BeforeWrite {
        /// Line at which the telling began.
        told: usize,
        /// Line at which the write ended.
        written: usize,
    },
    /// It was told before a sync that covers its record had returned.
    BeforeSync {
        /// Line at which the telling began.
        told: usize,
        /// Line at which the first sync that covers it returned; none when there was no such sync.
        synced: Option<usize>,
    },
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotWritten => write!(f, "its record was never written to the log"),
            Self::NotTold => write!(f, "no write that tells of it is in the trace"),
            Self::BeforeWrite { told, written } => {
                write!(f, "told at line {told}, but its record was written at line {written} only")
            }
            Self::BeforeSync { told, synced: Some(synced) } => {
                write!(f, "told at line {told}, but the sync returned at line {synced} only")
            }
            Self::BeforeSync { told, synced: None } => {
                write!(f, "told at line {told}, and its record was never synced")
            }
        }
    }
}

impl Trace {
    /// Reads what `strace` wrote with [`STRACE`].
    ///
    /// # Errors
    /// A line that is none of `strace`'s, by its number.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut calls: Vec<Call> = Vec::new();
        let mut under_way: HashMap<&str, usize> = HashMap::new();
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            let wrong = |why: &str| {
                let shown: String = line.chars().take(SHOWN_CHARS).collect();
                format!("line {number}: {why}: {shown}")
            };
            let (thread, rest) = line.split_once(' ').ok_or_else(|| wrong("no thread"))?;
            let (_, what) = rest.trim_start().split_once(' ').ok_or_else(|| wrong("no time"))?;
            if what.starts_with("+++") || what.starts_with("---") {
                continue;
            }
            if what.starts_with("<... ") {
                let call = under_way.remove(thread).ok_or_else(|| wrong("resumes nothing"))?;
                calls[call].ended = Some((number, result(what).ok_or_else(|| wrong("no result"))?));
                continue;
            }
            let (name, arguments) = what.split_once('(').ok_or_else(|| wrong("no call"))?;
            let ended = match what.ends_with("<unfinished ...>") {
                true => {
                    under_way.insert(thread, calls.len());
                    None
                }
                false => Some((number, result(what).ok_or_else(|| wrong("no result"))?)),
            };
            let (target, arguments) = target(arguments).ok_or_else(|| wrong("no descriptor"))?;
            let bytes = bytes(arguments).ok_or_else(|| wrong("bytes that are cut off or not escaped"))?;
            calls.push(Call { name: name.to_owned(), target, bytes, began: number, ended });
        }
        Ok(Self { calls })
    }

    /// Holds each event against the rule; `is_log` knows the log's files by their paths. Gives the events that
    /// break it, by their index.
    #[must_use]
    pub fn check(&self, told: &[Told], is_log: impl Fn(&str) -> bool) -> Vec<(usize, Wrong)> {
        let log: Vec<&Call> = self.calls.iter().filter(|call| is_log(&call.target)).collect();
        let sent: Vec<&Call> = self.calls.iter().filter(|call| call.is_sent()).collect();
        let wrong = |event: &Told| -> Option<Wrong> {
            // All that tells of it, subscribers' frames included, comes after the first.
            let Some(reply) = sent.iter().find(|call| contains(&call.bytes, &event.in_reply)) else {
                return Some(Wrong::NotTold);
            };
            let written = log.iter().find_map(|call| {
                let line = call.ended_well()?;
                (!call.syncs() && contains(&call.bytes, &event.in_record)).then_some((line, &call.target))
            });
            let Some((written, file)) = written else { return Some(Wrong::NotWritten) };
            if written >= reply.began {
                return Some(Wrong::BeforeWrite { told: reply.began, written });
            }
            let covers = |call: &&&Call| call.syncs() && call.target == *file && call.began > written;
            let synced = log.iter().filter(covers).filter_map(|call| call.ended_well()).min();
            match synced {
                Some(line) if line < reply.began => None,
                synced => Some(Wrong::BeforeSync { told: reply.began, synced }),
            }
        };
        told.iter().enumerate().filter_map(|(index, event)| Some((index, wrong(event)?))).collect()
    }
}

/// `… = 27` or `… = -1 EPIPE (Broken pipe)`
fn result(line: &str) -> Option<i64> {
    let (_, result) = line.rsplit_once(" = ")?;
    result.split(' ').next()?.parse().ok()
}

/// What stands in `<…>` behind the first descriptor, and what follows. Names from `/proc` are escaped and may
/// have the kind of a device behind them in further `<…>`; sockets are `TCP:[…->…]`, `UNIX-STREAM:[…->…,"…"]`.
fn target(arguments: &str) -> Option<(String, &str)> {
    let (descriptor, rest) = arguments.split_once('<')?;
    if descriptor.is_empty() || !descriptor.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match rest.starts_with("\\x") {
        true => {
            let (name, rest) = rest.split_at(rest.find(['<', '>'].as_slice())?);
            Some((String::from_utf8_lossy(&unescape(name)?).into_owned(), rest))
        }
        false => {
            let end = rest.find("]>")? + 1;
            Some((rest[..end].to_owned(), &rest[end..]))
        }
    }
}

/// What stands in quotes, all of it `\x…`.
fn bytes(arguments: &str) -> Option<Vec<u8>> {
    if arguments.contains("\"...") {
        return None;
    }
    let mut all = Vec::new();
    for quoted in arguments.split('"').skip(1).step_by(2) {
        all.extend(unescape(quoted)?);
    }
    Some(all)
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split("\\x");
    parts.next().filter(|before| before.is_empty())?;
    parts.map(|digits| u8::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 2)).collect()
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod test {
    use super::*;

    const LOG: &str = "/data/log/0.jnl";

    fn hex(text: &str) -> String {
        text.bytes().map(|byte| format!("\\x{byte:02x}")).collect()
    }

    /// `thread call`: `w:` a write to the log, `s` its sync, `r:` a reply, `v:` a sync of another file; with
    /// `<` it begins, with `>` it resumes.
    fn trace(steps: &[(&str, &str)]) -> Trace {
        let line = |(thread, step): &(&str, &str)| {
            let (part, step) = match step.split_at(1) {
                ("<" | ">", rest) => (&step[..1], rest),
                _ => ("", *step),
            };
            let (kind, text) = step.split_once(':').unwrap_or((step, ""));
            let (name, arguments, result) = match kind {
                "w" => ("write", format!("7<{}>, \"{}\", {}", hex(LOG), hex(text), text.len()), text.len()),
                "s" => ("fdatasync", format!("7<{}>", hex(LOG)), 0),
                "v" => ("fdatasync", format!("8<{}>", hex("/data/views/0.jnl")), 0),
                "r" => (
                    "writev",
                    format!(
                        "9<TCP:[127.0.0.1:1->127.0.0.1:2]>, [{{iov_base=\"{}\", iov_len=1}}, \
                         {{iov_base=\"{}\", iov_len={}}}], 2",
                        hex("{"),
                        hex(text),
                        text.len()
                    ),
                    text.len() + 1,
                ),
                other => panic!("{other}"),
            };
            match part {
                "<" => format!("{thread} 1.5 {name}({arguments} <unfinished ...>"),
                ">" => format!("{thread} 1.5 <... {name} resumed>) = {result}"),
                _ => format!("{thread}  1.5 {name}({arguments}) = {result}"),
            }
        };
        Trace::parse(&steps.iter().map(line).collect::<Vec<_>>().join("\n")).unwrap()
    }

    fn told(names: &[&str]) -> Vec<Told> {
        let one = |name: &&str| Told {
            in_record: format!("record {name}").into(),
            in_reply: format!("told {name}").into(),
        };
        names.iter().map(one).collect()
    }

    #[track_caller]
    fn check(steps: &[(&str, &str)], names: &[&str], expected: &[(usize, Wrong)]) {
        let found = trace(steps).check(&told(names), |path| path == LOG);
        assert_eq!(found, expected);
    }

    #[test]
    fn the_right_order_is_right() {
        check(&[("1", "w:record a"), ("1", "s"), ("1", "r:told a")], &["a"], &[]);
        // One sync for two; the replies of another thread overlap with the next commit.
        let steps = [
            ("1", "w:record a, record b"),
            ("1", "<s"),
            ("3", "v"),
            ("1", ">s"),
            ("2", "<r:told b"),
            ("1", "<w:record c"),
            ("3", "r:told a"),
            ("2", ">r:told b"),
            ("1", ">w:record c"),
            ("1", "s"),
            ("2", "r:told c"),
        ];
        check(&steps, &["a", "b", "c"], &[]);
    }

    #[test]
    fn a_reply_before_the_sync_is_seen() {
        let steps = [("1", "w:record a"), ("1", "r:told a"), ("1", "s")];
        check(&steps, &["a"], &[(0, Wrong::BeforeSync { told: 2, synced: Some(3) })]);
        let steps = [("1", "w:record a"), ("1", "<s"), ("2", "r:told a"), ("1", ">s")];
        check(&steps, &["a"], &[(0, Wrong::BeforeSync { told: 3, synced: Some(4) })]);
        let steps = [("1", "w:record a"), ("1", "r:told a")];
        check(&steps, &["a"], &[(0, Wrong::BeforeSync { told: 2, synced: None })]);
    }

    #[test]
    fn a_sync_that_began_before_the_write_ended_covers_nothing() {
        let steps = [("1", "<w:record a"), ("2", "s"), ("1", ">w:record a"), ("1", "r:told a")];
        check(&steps, &["a"], &[(0, Wrong::BeforeSync { told: 4, synced: None })]);
        let steps = [("2", "<s"), ("1", "w:record a"), ("2", ">s"), ("1", "r:told a")];
        check(&steps, &["a"], &[(0, Wrong::BeforeSync { told: 4, synced: None })]);
    }

    #[test]
    fn a_sync_of_another_file_covers_nothing() {
        let steps = [("1", "w:record a"), ("1", "v"), ("1", "r:told a")];
        check(&steps, &["a"], &[(0, Wrong::BeforeSync { told: 3, synced: None })]);
    }

    #[test]
    fn a_reply_before_the_write_is_seen() {
        let steps = [("2", "r:told a"), ("1", "w:record a"), ("1", "s")];
        check(&steps, &["a"], &[(0, Wrong::BeforeWrite { told: 1, written: 2 })]);
        check(&[("2", "r:told a"), ("1", "s")], &["a"], &[(0, Wrong::NotWritten)]);
    }

    #[test]
    fn who_was_told_first_counts() {
        let steps = [("1", "w:record a"), ("2", "r:event told a"), ("1", "s"), ("1", "r:told a")];
        check(&steps, &["a"], &[(0, Wrong::BeforeSync { told: 2, synced: Some(3) })]);
    }

    #[test]
    fn a_trace_with_holes_is_no_proof() {
        check(&[("1", "w:record a"), ("1", "s")], &["a"], &[(0, Wrong::NotTold)]);
    }

    #[test]
    fn failures_of_the_kernel_prove_nothing() {
        let lines = |write: &str, sync: &str| {
            let write = format!("1 1.5 write(7<{}>, \"{}\", 8) = {write}", hex(LOG), hex("record a"));
            let sync = format!("1 1.5 fdatasync(7<{}>) = {sync}", hex(LOG));
            let reply = format!("1 1.5 sendto(9<UNIX-STREAM:[1->2]>, \"{}\", 6, 0) = 6", hex("told a"));
            Trace::parse(&[write, sync, reply].join("\n")).unwrap().check(&told(&["a"]), |path| path == LOG)
        };
        assert_eq!(lines("8", "0"), []);
        assert_eq!(lines("3", "0"), [(0, Wrong::NotWritten)]);
        let unsynced = Wrong::BeforeSync { told: 3, synced: None };
        assert_eq!(lines("8", "-1 EIO (Input/output error)"), [(0, unsynced)]);
    }

    #[test]
    fn reads_what_strace_writes() {
        let text = "12  1795211376.142736 write(5<\\x2f\\x61>, \"\\x22\\x5d\", 2) = 2\n\
                    12  1795211376.1 --- SIGCHLD {si_signo=SIGCHLD} ---\n\
                    13  1795211376.2 write(2<\\x2f\\x62<char 1:3>>, \"\", 0) = 0\n\
                    13  1795211376.2 sendmsg(3<UNIX-STREAM:[1->2,\"\\x2f\"]>, {msg_name=NULL, msg_iov=[{iov_base=\"\\x61\", \
                    iov_len=1}], msg_iovlen=1}, 0 <unfinished ...>\n\
                    12  1795211376.3 +++ exited with 0 +++\n";
        let calls = Trace::parse(text).unwrap().calls;
        let seen: Vec<_> = calls.iter().map(|call| (call.target.as_str(), call.bytes.as_slice())).collect();
        assert_eq!(seen, [("/a", &b"\"]"[..]), ("/b", b""), ("UNIX-STREAM:[1->2,\"\\x2f\"]", b"a")]);
        assert_eq!(calls[0].ended, Some((1, 2)));
        assert_eq!(calls[2].ended, None);
        for bad in
            ["12 1.5 write(5, \"\\x22\", 1) = 1", "12 1.5 write(5<\\x61>, \"\\x22\"..., 9) = 9", "hello"]
        {
            assert!(Trace::parse(bad).unwrap_err().starts_with("line 1: "), "{bad}");
        }
        assert!(Trace::parse("12 1.5 <... write resumed>) = 1").unwrap_err().contains("resumes nothing"));
    }
}
