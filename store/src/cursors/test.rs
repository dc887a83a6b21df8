use super::*;

fn name(text: &str) -> Text {
    text.into()
}

fn parked(reason: &str) -> Parked {
    Parked {
        id: EventId(7),
        stream: "s".into(),
        attempts: 3,
        since: Timestamp(9),
        reason: reason.into(),
        again: false,
    }
}

async fn write(cursors: &Cursors, to: &str, notes: Vec<Note>) {
    cursors.reserve().unwrap().write(&name(to), notes).await.unwrap();
}

fn reopened(dir: &Path) -> AllKept {
    Cursors::open(dir).unwrap().1
}

#[tokio::test]
async fn what_was_answered_is_there_again() {
    let dir = tempfile::tempdir().unwrap();
    let (cursors, kept) = Cursors::open(dir.path()).unwrap();
    assert!(kept.is_empty());
    assert!(!dir.path().join("cursors").exists(), "nothing is made before it is needed");
    let tried = Tried { attempts: 2, not_before: Some(Timestamp(-5)) };
    let notes = vec![
        Note::Define(Arc::from(*b"what it is")),
        Note::Floor(Position(10)),
        Note::Done(Position(12)),
        Note::Done(Position(13)),
        Note::Tried(Position(11), tried),
        Note::Tried(Position(14), Tried { attempts: 1, not_before: None }),
        Note::Parked(Position(3), parked("poison")),
        Note::Parked(Position(4), parked("told to")),
    ];
    write(&cursors, "a", notes).await;
    let notes = vec![Note::Undone(Position(13)), Note::Untried(Position(14)), Note::Unparked(Position(4))];
    write(&cursors, "a", notes).await;
    write(&cursors, "ab", vec![Note::Floor(Position(1))]).await;
    drop(cursors);
    let kept = reopened(dir.path());
    let a = Kept {
        definition: Some(Arc::from(*b"what it is")),
        floor: Position(10),
        done: [Position(12)].into(),
        tried: [(Position(11), tried)].into(),
        parked: [(Position(3), parked("poison"))].into(),
    };
    assert_eq!(kept[&name("a")], a);
    assert_eq!(kept[&name("ab")], Kept { floor: Position(1), ..Kept::default() });
}

#[tokio::test]
async fn what_is_forgotten_is_gone_with_all_that_was_said_before_it_and_nothing_after() {
    let dir = tempfile::tempdir().unwrap();
    let (cursors, _) = Cursors::open(dir.path()).unwrap();
    write(&cursors, "a", vec![Note::Floor(Position(1)), Note::Done(Position(5))]).await;
    // Queued without waiting, so that they go down together.
    let slots: Vec<Slot> = (0..4).map(|_| cursors.reserve().unwrap()).collect();
    let mut slots = slots.into_iter();
    let mut queue = |to: &str, note: Note| slots.next().unwrap().write(&name(to), vec![note]);
    let all = [
        queue("a", Note::Done(Position(6))),
        queue("ab", Note::Done(Position(6))),
        queue("a", Note::Forget),
        queue("a", Note::Floor(Position(2))),
    ];
    for each in all {
        each.await.unwrap();
    }
    drop(cursors);
    let kept = reopened(dir.path());
    assert_eq!(kept[&name("a")], Kept { floor: Position(2), ..Kept::default() });
    assert_eq!(kept[&name("ab")].done, [Position(6)].into(), "a name that begins like it is another");
}

#[tokio::test]
async fn what_is_not_waited_for_is_written_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (cursors, _) = Cursors::open(dir.path()).unwrap();
    drop(cursors.reserve().unwrap().write(&name("a"), vec![Note::Floor(Position(3))]));
    tokio::task::spawn_blocking({
        let cursors = cursors.clone();
        move || cursors.close()
    })
    .await
    .unwrap();
    assert!(matches!(cursors.reserve(), Err(CursorsError::Stopped(_))));
    assert_eq!(reopened(dir.path())[&name("a")].floor, Position(3));
}

#[tokio::test]
async fn so_many_wait_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let (cursors, _) = Cursors::open(dir.path()).unwrap();
    let slots: Vec<Slot> = (0..QUEUE_WRITES_MAX).map(|_| cursors.reserve().unwrap()).collect();
    assert_eq!(cursors.reserve().err(), Some(CursorsError::QueueFull));
    drop(slots);
    assert!(cursors.reserve().is_ok());
}

#[tokio::test]
async fn after_a_failure_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (cursors, _) = Cursors::open(dir.path()).unwrap();
    // Where the database would be made there is a file.
    std::fs::write(dir.path().join("cursors"), b"").unwrap();
    let failed = cursors.reserve().unwrap().write(&name("a"), vec![Note::Floor(Position(3))]).await;
    assert!(matches!(failed, Err(CursorsError::Stopped(_))), "{failed:?}");
    std::fs::remove_file(dir.path().join("cursors")).unwrap();
    assert!(matches!(cursors.reserve(), Err(CursorsError::Stopped(_))), "even when it could be again");
    assert!(cursors.stopped().is_some());
}

#[test]
fn a_key_that_is_none_is_told() {
    let mut all = AllKept::new();
    for (key, value) in
        [(&b"a"[..], &b""[..]), (b"a\0", b""), (b"a\0\x09", b""), (b"a\0\x03\x01", b""), (b"a\0\x02", b"1")]
    {
        assert!(keys::gather(&mut all, key, value).is_err(), "{key:?}");
    }
}
