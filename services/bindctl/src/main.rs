//! The operator's command line.

use std::process::ExitCode;

use tenon_bindctl::completion;

fn main() -> ExitCode {
    if let Some(words) = completion::asked(std::env::args()) {
        completion::answer(&words);
        return ExitCode::SUCCESS;
    }
    tenon_bindctl::run_words(std::env::args().collect())
}
