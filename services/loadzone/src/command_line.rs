//! The command line; help, manual page and completions come from here.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{ArgGroup, CommandFactory, Parser, ValueEnum};

const AFTER_HELP: &str = "\
The old version of a zone is answered until the new one is committed, whatever goes wrong. The same content under the \
same serial is not stored again; changed content under an unchanged serial is stored with a warning; a serial that goes \
back is refused unless --force is given.

Exit status:
  0    all zones loaded, unchanged, removed or found good
  1    a zone was refused: its file cannot be read or has errors
  2    usage
  3    the store cannot be opened or written
  4    stored, but not compiled within --wait
  130  interrupted (SIGINT); nothing changed but zones already reported
  143  terminated (SIGTERM); likewise

Examples:
  tenon-loadzone example.com example.com.zone
  tenon-loadzone --wait 10 --json example.com example.com.zone
  tenon-loadzone --list zones.txt
  tenon-loadzone --export example.com example.com.zone
  tenon-loadzone --remove example.com";

/// Load zones from master files into Tenon's store of primary zones.
#[derive(Parser, Clone, Debug)]
#[command(name = "tenon-loadzone", version, after_long_help = AFTER_HELP, after_help = "See --help for exit status and examples.")]
#[command(group = ArgGroup::new("work").required(true).args(["zone", "list", "remove", "export", "directory", "generate"]))]
pub struct Arguments {
    /// Name of the zone, such as example.com.
    #[arg(requires = "file", value_name = "ZONE")]
    pub zone: Option<String>,
    /// Its master file (RFC 1035); - is standard input.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Load many zones: a file with a line "ZONE FILE" for each; - is standard input.
    #[arg(long, value_name = "SETFILE", conflicts_with_all = ["zone", "file"])]
    pub list: Option<PathBuf>,
    /// Remove zones from the store.
    #[arg(long, value_name = "ZONE", num_args = 1.., conflicts_with_all = ["zone", "file", "list", "check"])]
    pub remove: Vec<String>,
    /// Load the zones of a directory whose files are newer than what is stored: ZONE.zone for each, such as
    /// example.com.zone. A zone stays when its file goes.
    #[arg(long, value_name = "DIRECTORY", conflicts_with_all = ["zone", "file", "list", "remove"])]
    pub directory: Option<PathBuf>,
    /// With --directory: the directory of the committed settings, of which data_sources/master_files names more files and
    /// data_sources/master_directory says whether the directory counts.
    #[arg(long, value_name = "DIRECTORY", requires = "directory")]
    pub config_dir: Option<PathBuf>,
    /// Write a zone of the store as a master file that reads back to the same zone; - is standard output.
    #[arg(long, value_names = ["ZONE", "FILE"], num_args = 2, conflicts_with_all = ["zone", "file", "list", "remove", "check"])]
    pub export: Vec<String>,
    /// Read and check only; no store is touched.
    #[arg(long)]
    pub check: bool,
    /// The store of primary zones.
    #[arg(
        long,
        value_name = "PATH",
        default_value = "/var/lib/tenon/primary/zones.sqlite",
        env = "TENON_STORE"
    )]
    pub store: PathBuf,
    /// Store a zone though its serial goes back or nothing changed.
    #[arg(long)]
    pub force: bool,
    /// Print the result as one line of JSON on standard output.
    #[arg(long)]
    pub json: bool,
    /// No progress, summaries and warnings; errors only.
    #[arg(long, short)]
    pub quiet: bool,
    /// Do not tell other services over the bus; they find out by themselves within seconds.
    #[arg(long)]
    pub no_signal: bool,
    /// Wait up to so many seconds until the zones are compiled and ready to be answered.
    #[arg(long, value_name = "SECONDS", conflicts_with = "check")]
    pub wait: Option<u64>,
    /// Write a manual page or shell completions to standard output.
    #[arg(long, value_enum, hide = true)]
    pub generate: Option<Generate>,
}

/// What can be made from the command line's definition.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Generate {
    /// Manual page in roff.
    Man,
    /// Completions for bash.
    Bash,
    /// Completions for zsh.
    Zsh,
    /// Completions for fish.
    Fish,
}

/// Writes a manual page or completions to standard output.
///
/// # Errors
/// Those of writing.
pub fn generate(what: Generate) -> io::Result<()> {
    let mut command = Arguments::command();
    let mut text = Vec::new();
    let shell = match what {
        Generate::Man => {
            clap_mangen::Man::new(command).render(&mut text)?;
            return io::stdout().write_all(&text);
        }
        Generate::Bash => clap_complete::Shell::Bash,
        Generate::Zsh => clap_complete::Shell::Zsh,
        Generate::Fish => clap_complete::Shell::Fish,
    };
    clap_complete::generate(shell, &mut command, "tenon-loadzone", &mut text);
    io::stdout().write_all(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn one_kind_of_work_is_asked_for() {
        let good = [
            &["example.com", "file"][..],
            &["--list", "set"],
            &["--remove", "a", "b"],
            &["--check", "--list", "set"],
            &["--directory", "dir"],
            &["--export", "example.com", "-"],
        ];
        let bad = [
            &[][..],
            &["example.com"],
            &["--list", "set", "example.com", "file"],
            &["--remove"],
            &["--export", "example.com"],
            &["--directory", "dir", "example.com", "file"],
            &["--check"],
        ];
        let parse = |words: &[&str]| {
            Arguments::try_parse_from(std::iter::once("tenon-loadzone").chain(words.iter().copied()))
        };
        for words in good {
            assert!(parse(words).is_ok(), "{words:?}");
        }
        for words in bad {
            assert!(parse(words).is_err(), "{words:?}");
        }
    }
}
