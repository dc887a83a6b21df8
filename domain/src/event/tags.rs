//! The tags of events.

use store::Text;

/// Tags in the making.
#[derive(Debug, Clone, Default)]
pub struct Tags(Vec<Text>);

impl Tags {
    /// Those of every event about a task: its own and its project's.
    #[must_use]
    pub fn of_task(task_id: &str, project_id: Option<&Text>) -> Self {
        Self::default().with("task:", task_id).maybe("project:", project_id)
    }

    /// One more: `prefix` ends in a colon.
    #[must_use]
    pub fn with(mut self, prefix: &str, value: &str) -> Self {
        let mut tag = String::with_capacity(prefix.len() + value.len());
        tag.push_str(prefix);
        tag.push_str(value);
        self.0.push(tag.into());
        self
    }

    /// One more, if there is a value.
    #[must_use]
    pub fn maybe(self, prefix: &str, value: Option<&Text>) -> Self {
        match value {
            Some(value) => self.with(prefix, value),
            None => self,
        }
    }

    /// All of them.
    #[must_use]
    pub fn into_vec(self) -> Vec<Text> {
        self.0
    }
}
