use super::version::{Change, NotJson, Version};
use super::{GitError, GitHistory};

fn read(file: &str, before: &Version) -> Version {
    Version::read(file.as_bytes(), before).unwrap()
}

/// What changed from one text to the next: the lines that count, and the ids that have gone with a minus.
fn changes(before: &str, after: &str) -> Vec<String> {
    let before = read(before, &Version::default());
    let now = read(after, &before);
    let told = now.changes_since(&before).map(|change| match change {
        Change::Upsert(place) => after[place].to_owned(),
        Change::Delete(id) => format!("-{id}"),
    });
    told.collect()
}

#[test]
fn what_differs_in_meaning_is_told() {
    let before = r#"{"id":"a","n":1,"o":{"x":[1,2],"y":null}}
{"id":"b","title":"B"}"#;
    assert_eq!(changes("", before), before.lines().collect::<Vec<_>>());
    assert!(changes(before, before).is_empty());
    let same = " { \"o\":{\"y\":null, \"x\":[1, 2]}, \"n\":1,\t\"id\":\"\\u0061\"}\r\n\n{\"title\":\"B\",\"id\":\"b\"}\n";
    assert!(changes(before, same).is_empty(), "white space, order of members, escapes");
    for other in [
        r#"{"id":"a","n":1.0,"o":{"x":[1,2],"y":null}}"#,
        r#"{"id":"a","n":"1","o":{"x":[1,2],"y":null}}"#,
        r#"{"id":"a","n":1,"o":{"x":[2,1],"y":null}}"#,
        r#"{"id":"a","n":1,"o":{"x":[1,2]}}"#,
        r#"{"id":"a","n":1,"o":{"x":[1],"y":[2]}}"#,
    ] {
        assert_eq!(changes(before, other), [other, "-b"]);
    }
}

#[test]
fn lines_go_before_deletes_each_in_its_order() {
    let before = "{\"id\":\"z\"}\n{\"id\":\"y\"}\n{\"id\":\"x\"}";
    let after = "{\"id\":\"q\"}\n{\"id\":\"y\",\"n\":1}\n{\"id\":\"a\"}";
    assert_eq!(changes(before, after), [r#"{"id":"q"}"#, r#"{"id":"y","n":1}"#, r#"{"id":"a"}"#, "-z", "-x"]);
}

#[test]
fn of_several_lines_with_one_id_the_last_counts() {
    let twice = "{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\"}\n{\"id\":\"a\",\"n\":2}";
    assert_eq!(changes("", twice), [r#"{"id":"b"}"#, r#"{"id":"a","n":2}"#]);
    assert_eq!(changes(twice, "{\"id\":\"a\",\"n\":2}"), ["-b"]);
}

#[test]
fn a_line_that_is_no_issue_passes_once() {
    let odd = "[1]\n{\"id\":\"a\"}\n{\"title\":\"nameless\"}";
    assert_eq!(changes("", odd).len(), 3);
    assert!(changes(odd, odd).is_empty());
    assert_eq!(changes(odd, "{\"id\":\"a\"}"), [] as [&str; 0], "nothing that could be deleted");
}

#[test]
fn what_json_is() {
    let error = |file: &[u8]| Version::read(file, &Version::default()).err().map(|error| error.line);
    assert_eq!(error(b"{\"id\":\"a\"}\n\n<<<<<<< HEAD\n{}"), Some(3));
    assert_eq!(error(b"{\"id\":\"\xff\"}"), Some(1));
    assert_eq!(error(b"{\"id\":\"a\"} {\"id\":\"b\"}"), Some(1));
    let deep = format!("{{\"id\":\"a\",\"x\":{}{}}}", "[".repeat(300), "]".repeat(300));
    assert_eq!(error(deep.as_bytes()), None, "JSON, if more than can be held");
    assert_eq!(error(br#"{"id":"a","title":"\ud800"}"#), None);
    assert_eq!(
        Version::read(b"x", &Version::default()).unwrap_err(),
        NotJson { line: 1, reason: "expected value at line 1 column 1".to_owned() }
    );
}

#[test]
fn a_folder_that_is_no_repository_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let missing = GitHistory::open(&dir.path().join("missing")).unwrap_err();
    assert!(matches!(missing, GitError::NoRepository { .. }), "{missing}");
    assert!(missing.to_string().contains("missing"), "{missing}");

    // A folder whose name git cannot be told in a line.
    let git = |arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        assert!(command.arg("-C").arg(dir.path()).args(arguments).output().unwrap().status.success());
    };
    git(&["init", "--quiet"]);
    let odd = dir.path().join("a\nb");
    std::fs::create_dir(&odd).unwrap();
    let odd = GitHistory::open(&odd).unwrap_err();
    assert!(odd.to_string().contains("line break"), "{odd}");
}
