//! Writes the statements of `tests/pql` down, one a file, for the targets to begin with: `corpus/parse`, `corpus/resolve`.

#[path = "../../tests/src/slt/expand.rs"]
mod expand;
#[path = "../../tests/src/slt/read.rs"]
mod read;

use std::path::Path;

/// Longer statements would be all that is tried.
const BYTES_MAX: usize = 2_000;

fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let records = read::records();
    let statements: Vec<&str> =
        records.iter().map(|record| &*record.pql).filter(|pql| pql.len() <= BYTES_MAX).collect();
    for target in ["parse", "resolve"] {
        let folder = corpus.join(target);
        std::fs::create_dir_all(&folder)?;
        for (nth, statement) in statements.iter().enumerate() {
            std::fs::write(folder.join(format!("record-{nth:04}")), statement)?;
        }
    }
    println!("{} statements in {}", statements.len(), corpus.display());
    let refused = records.iter().filter(|record| record.error.is_some()).count();
    println!("{refused} of the records are refused; the targets take all alike");
    Ok(())
}
