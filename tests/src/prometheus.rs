//! Prometheus' text format 0.0.4, read strictly: what a scraper would stumble over is an error here.

use std::collections::{BTreeMap, BTreeSet};

/// A family of figures.
#[derive(Debug, Clone, Default)]
pub struct Family {
    /// `counter`, `gauge` or `histogram`.
    pub kind: String,
    /// What it means.
    pub help: String,
    /// Every figure: its name, its labels, its value.
    pub samples: Vec<Sample>,
}

/// A figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its name, a histogram's suffix included.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

/// Every family of a page, by name.
#[derive(Debug, Clone, Default)]
pub struct Page(pub BTreeMap<String, Family>);

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl Page {
    /// Reads a page.
    ///
    /// # Errors
    /// The first line that does not hold, or what does not hold of a family.
    pub fn read(text: &str) -> Result<Self, String> {
        if !text.ends_with('\n') {
            return Err("the last line does not end".into());
        }
        let mut page = Self::default();
        let mut current = String::new();
        for line in text.lines() {
            let wrong = |why: &str| format!("{why}: {line}");
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').ok_or_else(|| wrong("no help"))?;
                if page.0.contains_key(name) {
                    return Err(wrong("a family twice"));
                }
                current = name.to_owned();
                page.0.insert(current.clone(), Family { help: help.to_owned(), ..Family::default() });
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').ok_or_else(|| wrong("no type"))?;
                let family = page.0.get_mut(name).filter(|family| family.kind.is_empty() && name == current);
                let family = family.ok_or_else(|| wrong("a type without its help"))?;
                if !["counter", "gauge", "histogram"].contains(&kind) {
                    return Err(wrong("an unknown type"));
                }
                family.kind = kind.to_owned();
            } else {
                let sample = sample(line).ok_or_else(|| wrong("no figure"))?;
                let family = page.0.get_mut(&current).ok_or_else(|| wrong("of no family"))?;
                let suffix =
                    sample.name.strip_prefix(current.as_str()).ok_or_else(|| wrong("of another family"))?;
                let fits = match &*family.kind {
                    "histogram" => ["_bucket", "_sum", "_count"].contains(&suffix),
                    "" => return Err(wrong("before its type")),
                    _ => suffix.is_empty(),
                };
                if !fits {
                    return Err(wrong("of another family"));
                }
                if family
                    .samples
                    .iter()
                    .any(|known| known.name == sample.name && known.labels == sample.labels)
                {
                    return Err(wrong("a figure twice"));
                }
                family.samples.push(sample);
            }
        }
        page.0.iter().try_for_each(|(name, family)| family.check(name))?;
        Ok(page)
    }

    /// The one value of that name whose labels include these.
    ///
    /// # Panics
    /// When there is none, or several.
    #[must_use]
    #[track_caller]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let found = self.values(name, labels);
        assert_eq!(found.len(), 1, "{name} {labels:?}: {found:?}");
        found[0].value
    }

    /// The sum of all values of that name whose labels include these.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.values(name, labels).iter().map(|sample| sample.value).sum()
    }

    fn values(&self, name: &str, labels: &[(&str, &str)]) -> Vec<&Sample> {
        let of_it = |sample: &&Sample| {
            sample.name == name
                && labels
                    .iter()
                    .all(|(label, value)| sample.labels.get(*label).is_some_and(|held| held == value))
        };
        self.0.values().flat_map(|family| &family.samples).filter(of_it).collect()
    }
}

impl Family {
    fn check(&self, name: &str) -> Result<(), String> {
        if !is_name(name) || self.help.is_empty() || self.samples.is_empty() {
            return Err(format!("{name}: a family has a name, help and figures"));
        }
        if self
            .samples
            .iter()
            .any(|sample| self.kind != "gauge" && (sample.value < 0.0 || sample.value.is_nan()))
        {
            return Err(format!("{name}: below zero"));
        }
        if self.kind == "counter" && !name.ends_with("_total") {
            return Err(format!("{name}: a counter is called _total"));
        }
        if self.kind != "histogram" {
            return Ok(());
        }
        let series: BTreeSet<BTreeMap<String, String>> =
            self.samples.iter().map(|sample| sample.series()).collect();
        for labels in series {
            let of = |suffix: &str| -> Vec<&Sample> {
                let full = format!("{name}{suffix}");
                self.samples
                    .iter()
                    .filter(|sample| sample.name == full && sample.series() == labels)
                    .collect()
            };
            let (buckets, count, sum) = (of("_bucket"), of("_count"), of("_sum"));
            let bounds: Option<Vec<f64>> =
                buckets.iter().map(|bucket| bound(bucket.labels.get("le")?)).collect();
            let bounds = bounds.ok_or_else(|| format!("{name}: a bucket without its bound"))?;
            let rises = |values: &[f64], strictly: bool| {
                values.windows(2).all(|pair| pair[0] < pair[1] || (!strictly && pair[0] == pair[1]))
            };
            let counts: Vec<f64> = buckets.iter().map(|bucket| bucket.value).collect();
            let whole = count.len() == 1 && sum.len() == 1 && bounds.last() == Some(&f64::INFINITY);
            if !whole
                || counts.last() != Some(&count[0].value)
                || !rises(&bounds, true)
                || !rises(&counts, false)
            {
                return Err(format!("{name}: a histogram that is none: {bounds:?} {counts:?}"));
            }
        }
        Ok(())
    }
}

impl Sample {
    /// Its labels without a bucket's bound.
    fn series(&self) -> BTreeMap<String, String> {
        self.labels.iter().filter(|(name, _)| *name != "le").map(|(n, v)| (n.clone(), v.clone())).collect()
    }
}

fn bound(text: &str) -> Option<f64> {
    if text == "+Inf" { Some(f64::INFINITY) } else { text.parse().ok() }
}

fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let name = Some(&line[..end]).filter(|name| is_name(name))?.to_owned();
    let mut rest = &line[end..];
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            let (label, after) = rest.split_once("=\"")?;
            let mut value = String::new();
            let mut characters = after.char_indices();
            let close = loop {
                match characters.next()? {
                    (at, '"') => break at,
                    (_, '\\') => value.push(match characters.next()?.1 {
                        'n' => '\n',
                        other @ ('\\' | '"') => other,
                        _ => return None,
                    }),
                    (_, '\n') => return None,
                    (_, other) => value.push(other),
                }
            };
            if !is_name(label) || labels.insert(label.to_owned(), value).is_some() {
                return None;
            }
            rest = &after[close + 1..];
            rest = rest.strip_prefix(',').unwrap_or(rest);
        }
    }
    let value = bound(rest.strip_prefix(' ')?)?;
    Some(Sample { name, labels, value })
}

#[cfg(test)]
mod test {
    use super::*;

    const GOOD: &str = "# HELP a_total Some.\n# TYPE a_total counter\na_total{x=\"q\\\"\\\\\"} 2\n\
        # HELP h Time.\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 3\nh_sum 9.5\nh_count 3\n";

    #[test]
    fn a_good_page_is_read() {
        let page = Page::read(GOOD).unwrap();
        assert_eq!(page.value("a_total", &[("x", "q\"\\")]), 2.0);
        assert_eq!(page.value("h_count", &[]), 3.0);
    }

    #[test]
    fn each_fault_is_found() {
        for (good, bad) in [
            ("# TYPE a_total counter\n", ""),
            ("a_total{", "b_total{"),
            ("x=\"q\\\"\\\\\"} 2", "x=\"q} 2"),
            ("} 2", "} two"),
            ("} 2", "} -2"),
            ("le=\"+Inf\"} 3", "le=\"+Inf\"} 4"),
            ("h_bucket{le=\"1\"} 1", "h_bucket{le=\"1\"} 7"),
            ("h_sum 9.5\n", ""),
            ("h_count 3\n", "h_count 3\nh_count 3\n"),
            ("h_count 3\n", "h_count 3"),
            ("a_total", "a"),
        ] {
            assert!(Page::read(&GOOD.replace(good, bad)).is_err(), "{good} -> {bad}");
        }
    }
}
