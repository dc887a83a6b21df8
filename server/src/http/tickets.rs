//! `POST /tickets`: what a browser opens `/ws` and `/subscribe` with.

use super::{Answer, Call};
use crate::app::Shared;
use crate::auth::TICKET_LIFE;
use crate::schema::Operation;
use crate::wire::envelope::answer_value;
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use serde_json::json;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/tickets", post(give))
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::post("/tickets", "give_ticket", "A ticket that opens `/ws` or `/subscribe` once.", |_| ())
            .gives("Ticket")
            .keeps_no_answer(),
    ]
}

async fn give(State(app): State<Shared>, call: Call) -> Answer {
    call.decode(|_| ())?;
    let ticket = app.tickets.give();
    let data = json!({"ticket": ticket, "expires_in_s": TICKET_LIFE.as_secs()});
    Ok(answer_value(app.store().head().position, &data))
}
