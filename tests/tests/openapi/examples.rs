//! The examples of the document are true: each holds by its own schema, and the server carries it out.

use crate::stage::Stage;
use crate::{body, name};
use agentpm_tests::contract;
use agentpm_tests::schema::violations;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_example_is_carried_out() {
    let examples = body::described();
    assert!(examples.len() > 15, "{} calls have bodies", examples.len());
    for (operation, schema, example) in examples {
        let found = violations(contract::document(), &schema, &example);
        assert!(found.is_empty(), "the example of {}: {found:?}", name(&operation));
        // One changes what the next needs.
        let stage = Stage::set().await;
        let path = stage.path(&operation).await;
        let example = stage.fill(example, &path).await;
        let answer = stage.client.call(&operation.method, &path, &example).await;
        assert!(answer.ok(), "{}: {}", answer.request, answer.body);
    }
}
