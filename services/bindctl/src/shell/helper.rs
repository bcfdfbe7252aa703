//! The helper of the line editor: what Tab offers.

use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::{Context, Helper, Highlighter, Hinter, Validator};

use crate::completion::Completion;

/// See the module.
#[derive(Helper, Highlighter, Hinter, Validator)]
pub(super) struct ShellHelper<'a>(pub(super) Completion<'a>);

impl Completer for ShellHelper<'_> {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let line = line.get(..position).unwrap_or(line);
        let start = line.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        let before: Vec<&str> = line.get(..start).unwrap_or_default().split_whitespace().collect();
        let word = line.get(start..).unwrap_or_default();
        if self.0.is_file(&before, word) {
            return FilenameCompleter::new().complete(line, position, context);
        }
        let words = self.0.offer(&before, word).words;
        // The only one is a whole word, and the next begins.
        let end = if words.len() == 1 { " " } else { "" };
        let pair = |text: String| Pair { replacement: format!("{text}{end}"), display: text };
        Ok((start, words.into_iter().map(pair).collect()))
    }
}
