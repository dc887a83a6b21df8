use super::*;
use proptest::prelude::*;
use serde_json::json;

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn part(worth: Worth, text: &str) -> Part {
    Part { worth, value: object(json!({ "id": "x", "content": text })) }
}

fn draft(intent: &str, parts: Vec<Part>) -> Draft {
    let task = object(json!({ "id": "t", "title": "T", "intent": intent, "status": "open", "version": 3 }));
    Draft { task, parts, left_out: BTreeMap::new() }
}

fn count(brief: &Map<String, Value>) -> usize {
    let lists: usize = LISTS.iter().map(|list| brief[*list].as_array().unwrap().len()).sum();
    lists + usize::from(!brief["parent"].is_null())
}

#[test]
fn what_fits_is_whole() {
    let parts = Worth::ALL.map(|worth| part(worth, "a text")).to_vec();
    let brief = fit(draft("do it", parts), 1_000);
    assert_eq!(count(&brief), Worth::ALL.len());
    assert_eq!((&brief["dropped"], &brief["over_budget"]), (&json!({}), &json!(false)));
    assert_eq!(brief["estimated_tokens"], estimate(&Value::from(brief.clone()).to_string()));
}

#[test]
fn the_least_useful_goes_first() {
    let parts: Vec<Part> = Worth::ALL.into_iter().map(|worth| part(worth, &"word ".repeat(12))).collect();
    let mut kept_before = usize::MAX;
    for tokens_max in (200..1_500).rev().step_by(50) {
        let brief = fit(draft("do it", parts.clone()), tokens_max);
        let kept = count(&brief);
        assert!(kept <= kept_before, "less room holds no more");
        kept_before = kept;
        let least = Worth::ALL[Worth::ALL.len() - kept..].to_vec();
        for worth in Worth::ALL {
            let is_there = match worth.member() {
                "parent" => !brief["parent"].is_null(),
                member => !brief[member].as_array().unwrap().is_empty(),
            };
            assert!(!least.contains(&worth) || is_there, "{worth:?} is kept at {tokens_max}");
        }
    }
    assert!(kept_before < 6, "{kept_before}");
}

#[test]
fn of_a_kind_the_newest_stays_and_of_steps_the_next() {
    let parts = |worth| (0..40).map(|n| part(worth, &format!("{n} {}", "word ".repeat(10)))).collect();
    let contents = |worth: Worth| {
        let brief = fit(draft("do it", parts(worth)), 400);
        let list = brief[worth.member()].as_array().unwrap().clone();
        assert_eq!(brief["dropped"][worth.name()], 40 - list.len());
        let number = |part: &Value| part["content"].as_str().unwrap().split(' ').next().unwrap().to_owned();
        (number(&list[0]), number(list.last().unwrap()))
    };
    assert_eq!(contents(Worth::Note).1, "39");
    assert_eq!(contents(Worth::OpenStep).0, "0");
}

#[test]
fn a_long_text_crowds_nobody_out() {
    let parts = vec![part(Worth::Decision, &"long ".repeat(50_000)), part(Worth::Rationale, "short")];
    let brief = fit(draft(&"wanted ".repeat(50_000), parts), 1_000);
    assert_eq!(brief["context"].as_array().unwrap().len(), 2);
    assert!(brief["context"][0]["content"].as_str().unwrap().ends_with('…'));
    assert!(brief["task"]["intent"].as_str().unwrap().len() > 900);
    assert!(brief["dropped"]["text_bytes"].as_u64().unwrap() > 500_000);
}

#[test]
fn a_task_that_is_too_much_by_itself_says_so() {
    let mut draft = draft("do it", vec![part(Worth::Lease, "l")]);
    draft.task.insert("id".to_owned(), "a-b".repeat(400).into());
    let brief = fit(draft, 200);
    assert_eq!(brief["over_budget"], true);
    assert_eq!((count(&brief), &brief["dropped"]["leases"]), (0, &json!(1)));
    assert!(brief["estimated_tokens"].as_u64() > Some(200));
}

#[test]
fn what_nobody_looked_at_is_told() {
    let mut draft = draft("do it", vec![]);
    draft.left_out.insert("note", 7);
    assert_eq!(fit(draft, 500)["dropped"], json!({ "note": 7 }));
}

#[test]
fn columns_go_one_by_one_and_the_intent_last() {
    let mut draft = draft(&"word ".repeat(2_000), vec![part(Worth::ALL[0], "dropped before any column")]);
    for n in 0..30 {
        draft.task.insert(format!("column_{n:02}"), json!("a value of some length"));
    }
    draft.task.insert("labels".to_owned(), json!(["one", "two"]));
    let brief = fit(draft, 300);
    let task = brief["task"].as_object().unwrap();
    let left = task.keys().filter(|name| name.starts_with("column_")).count();
    assert!(left > 0 && left < 30, "{task:?}");
    assert!(!task.contains_key("column_00") && task.contains_key("column_29"), "{task:?}");
    assert!(task.contains_key("labels"), "{task:?}");
    assert!(task["intent"].as_str().unwrap().starts_with("word word"), "{task:?}");
    assert!(brief["estimated_tokens"].as_u64().unwrap() > 280 && brief["over_budget"] == false, "{brief:?}");
}

fn any_part() -> impl Strategy<Value = Part> {
    (prop::sample::select(Worth::ALL.to_vec()), "(\\PC{0,120}|[a-z ]{0,900})", any::<bool>()).prop_map(
        |(worth, text, has_metadata)| {
            let mut part = part(worth, &text);
            if has_metadata {
                part.value.insert("metadata".to_owned(), json!({ "about": text }));
            }
            part
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever there is to tell: never over the budget without saying so, the estimate is that of what is sent,
    /// nothing is lost without being counted, and nothing is dropped while something less useful stays.
    #[test]
    fn any_brief_holds(
        intent in "\\PC{0,2000}",
        parts in prop::collection::vec(any_part(), 0..40),
        tokens_max in TOKENS_MIN as usize..4_000,
    ) {
        // One parent at most, as in life.
        let mut has_parent = false;
        let parts: Vec<Part> = parts
            .into_iter()
            .filter(|part| part.worth != Worth::Parent || !std::mem::replace(&mut has_parent, true))
            .collect();
        let total = parts.len();
        let worths: Vec<Worth> = parts.iter().map(|part| part.worth).collect();
        let brief = fit(draft(&intent, parts), tokens_max);
        let text = Value::from(brief.clone()).to_string();
        prop_assert_eq!(&brief["estimated_tokens"], &json!(estimate(&text)));
        prop_assert!(estimate(&text) <= tokens_max && brief["over_budget"] == false);
        prop_assert!(text.len() <= tokens_max * 4);
        let dropped = brief["dropped"].as_object().unwrap();
        let lost: u64 =
            dropped.iter().filter(|(name, _)| *name != "text_bytes").filter_map(|(_, n)| n.as_u64()).sum();
        prop_assert_eq!(count(&brief) as u64 + lost, total as u64);
        let sunk = |worth: &Worth| dropped.get(worth.name()).is_some();
        let kept_least = worths.iter().filter(|worth| !sunk(worth)).min();
        let names_with_two = ["progress", "runs", "children"];
        let lost_best = worths.iter().filter(|w| sunk(w) && !names_with_two.contains(&w.name())).max();
        if let (Some(kept), Some(lost)) = (kept_least, lost_best) {
            prop_assert!(kept > lost, "{:?} stays and {:?} goes", kept, lost);
        }
    }
}
