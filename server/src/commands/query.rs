use super::output::{Form, stream_bytes};
use super::{Connected, json};
use crate::client::{At, ClientError};
use crate::failure::Failure;
use clap::Args;
use futures::StreamExt;
use reqwest::{Method, header};
use serde_json::{Map, Value, json as value};

/// Ask in PQL.
#[derive(Debug, Args)]
pub(crate) struct Query {
    /// The statement
    pql: String,
    #[command(flatten)]
    params: Params,
}

impl Query {
    /// A statement without parameters.
    pub(super) fn of(pql: &str) -> Self {
        Self { pql: pql.to_owned(), params: Params::default() }
    }
}

/// What a statement's parameters are bound to.
#[derive(Debug, Default, Args)]
pub(super) struct Params {
    /// A parameter: `--param caps='["rust"]'` binds `$caps`, `--param 1=x` binds `$1`. The value is JSON, or
    /// else text
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    each: Vec<(String, Value)>,
    /// All parameters: a JSON list or object
    #[arg(long = "params", value_name = "JSON", value_parser = json, conflicts_with = "each")]
    all: Option<Value>,
}

impl Params {
    /// As the API takes them; none when none were given.
    ///
    /// # Errors
    /// When the numbers of numbered ones have gaps.
    pub(super) fn bound(&self) -> Result<Option<Value>, Failure> {
        match &self.all {
            None if self.each.is_empty() => Ok(None),
            None => bound(&self.each).map(Some),
            all => Ok(all.clone()),
        }
    }
}

fn parameter(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    let name = name.trim_start_matches('$');
    if name.is_empty() {
        return Err("expected NAME=VALUE".to_owned());
    }
    Ok((name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| value.into())))
}

pub(super) async fn run(query: Query, to: Connected) -> Result<(), Failure> {
    let failed = |error: ClientError| error.into_failure(Some(&query.pql));
    let mut request = value!({"pql": query.pql});
    if let Some(params) = query.params.bound()? {
        request["params"] = params;
    }
    let at = At::path(&["query"]);
    let media = match to.form {
        Form::Table | Form::Json => {
            let data = to.client.post(&at, &request).await.map_err(failed)?;
            return to.print(&data);
        }
        Form::Ndjson => "application/x-ndjson",
        Form::Csv => "text/csv",
    };
    // Rows go from the server to stdout as they are, however many there are.
    let request = to.client.request(Method::POST, &at).header(header::ACCEPT, media).json(&request);
    let mut rows = to.client.send(request).await.map_err(failed)?.bytes_stream();
    while let Some(bytes) = rows.next().await {
        let bytes = bytes.map_err(|error| Failure::internal(format!("the answer broke off: {error}")))?;
        if !stream_bytes(&bytes)? {
            break;
        }
    }
    Ok(())
}

/// Parameters by number as a list, by name as an object.
fn bound(params: &[(String, Value)]) -> Result<Value, Failure> {
    let numbered = params.iter().map(|(name, _)| name.parse::<usize>().ok()).collect::<Option<Vec<_>>>();
    let Some(numbers) = numbered else {
        let named = params.iter().map(|(name, value)| (name.clone(), value.clone()));
        return Ok(Value::Object(named.collect::<Map<_, _>>()));
    };
    let mut list = vec![None; numbers.len()];
    for (number, (_, value)) in numbers.into_iter().zip(params) {
        let place = number.checked_sub(1).and_then(|place| list.get_mut(place));
        match place {
            Some(place @ None) => *place = Some(value.clone()),
            _ => return Err(Failure::usage("numbered parameters go from 1, each once, without a gap")),
        }
    }
    Ok(Value::Array(list.into_iter().flatten().collect()))
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn parameters() {
        let read = |texts: &[&str]| {
            let params: Vec<_> = texts.iter().map(|text| parameter(text).unwrap()).collect();
            bound(&params).map_err(|failure| failure.to_string())
        };
        assert_eq!(
            read(&["$caps=[\"a\"]", "n=5", "t=plain text"]),
            Ok(value!({"caps": ["a"], "n": 5, "t": "plain text"}))
        );
        assert_eq!(read(&["2=b", "1=a"]), Ok(value!(["a", "b"])));
        assert!(read(&["1=a", "3=c"]).is_err());
        assert!(read(&["1=a", "1=b"]).is_err());
        assert!(parameter("=x").is_err() && parameter("x").is_err());
    }
}
