//! Manual page and completions, from the definition of the command line.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::command_line::{CommandLine, Generate};
use crate::completion;

const NAME: &str = "bindctl";

const MORE: &str = r#".SH "EXIT STATUS"
.TP
0
done
.TP
1
refused or failed; nothing changed unless the message says so
.TP
2
the command line is wrong
.TP
3
the bus, or the service that would have to do it, cannot be reached
.SH ANOTHER MACHINE
With \-\-server all commands work on another machine, through its tenon\-cmdctl, as far as the account or token may; edits of
settings are kept here until they are committed. Not from afar:
.TP
account
who stole a password or token could give himself others, which nobody would revoke
.TP
key add, key remove
secrets do not pass through the one process that strangers reach
.PP
A report from afar lacks the journal and the facts of the machine, which the door does not show. A backup holds neither keys nor
accounts, whoever makes it, so that losing one loses no secret; restore keys with \fBkey add\fR before it.
.SH ENVIRONMENT
.TP
NO_COLOR
when set, no colours on a terminal
.TP
DBUS_SYSTEM_BUS_ADDRESS
another bus than the system's
.SH FILES
.TP
$XDG_STATE_HOME/bindctl/history
what was typed in the shell (~/.local/state where the variable is not set)
.TP
/var/lib/tenon/config/current
the committed settings, which every service reads when it starts
.SH EXAMPLES
.nf
bindctl zone load example.com example.com.zone
bindctl config set auth/udp_payload_size 1400
bindctl config commit -m "larger answers"
bindctl \-\-json stats show auth
.fi
.SH "SEE ALSO"
.BR tenon-loadzone (1),
.BR busctl (1),
.BR journalctl (1)
"#;

pub(crate) fn generate(what: Generate) -> io::Result<()> {
    let mut text = Vec::new();
    match what {
        Generate::Man => manual(CommandLine::command(), &mut text)?,
        shell => text.extend_from_slice(completion::script(shell).unwrap_or_default().as_bytes()),
    }
    io::stdout().write_all(&text)
}

fn manual(command: Command, text: &mut Vec<u8>) -> io::Result<()> {
    let mut built = command.clone();
    built.build();
    let page = Man::new(command).manual("Tenon");
    page.render_title(text)?;
    page.render_name_section(text)?;
    page.render_synopsis_section(text)?;
    page.render_description_section(text)?;
    page.render_options_section(text)?;
    writeln!(text, ".SH COMMANDS")?;
    for command in leaves(&built) {
        entry(command, text)?;
    }
    text.write_all(MORE.as_bytes())?;
    page.render_version_section(text)
}

/// Commands that have no commands below them.
fn leaves(command: &Command) -> Vec<&Command> {
    let below = command.get_subcommands().filter(|command| command.get_name() != "help");
    below
        .flat_map(|command| if command.has_subcommands() { leaves(command) } else { vec![command] })
        .collect()
}

fn entry(command: &Command, text: &mut Vec<u8>) -> io::Result<()> {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim_start_matches(NAME).trim();
    writeln!(text, ".SS \"{}\"", roff(usage))?;
    writeln!(text, "{}", roff(&command.get_about().map(ToString::to_string).unwrap_or_default()))?;
    for argument in command.get_arguments().filter(|argument| {
        !argument.is_hide_set() && !argument.is_global_set() && argument.get_id() != "help"
    }) {
        let name = match argument.get_long() {
            Some(long) => format!("--{long}"),
            None => argument.get_id().to_string().to_uppercase(),
        };
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        writeln!(text, ".TP\n{}\n{}", roff(&name), roff(&help))?;
    }
    Ok(())
}

fn roff(text: &str) -> String {
    let escaped = text.replace('\\', "\\e").replace('-', "\\-").replace('"', "\\(dq");
    if escaped.starts_with(['.', '\'']) { format!("\\&{escaped}") } else { escaped }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_names_every_command() {
        let mut text = Vec::new();
        manual(CommandLine::command(), &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        for part in ["zone load", "config set", "config history", "stats show", "EXIT STATUS", "status"] {
            assert!(text.contains(part), "{part}");
        }
    }
}
