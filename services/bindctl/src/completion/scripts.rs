//! What makes other shells ask: each script hands the words to `bindctl --complete`, which knows them all.

use crate::command_line::Generate;

const BASH: &str = r#"# bash completion of bindctl
_bindctl() {
    local line=${COMP_LINE:0:COMP_POINT} words offered
    read -ra words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    mapfile -t offered < <(bindctl --complete -- "${words[@]:1}" 2>/dev/null)
    COMPREPLY=()
    if [[ ${offered[0]-} == :files ]]; then
        compopt -o default
        return
    fi
    # Readline completes what is behind the last of its breaks (such as the colons of an address), not the whole word.
    local broken=${words[-1]%"${COMP_WORDS[COMP_CWORD]}"}
    COMPREPLY=("${offered[@]#"$broken"}")
}
complete -F _bindctl bindctl
"#;

const ZSH: &str = r#"#compdef bindctl
# zsh completion of bindctl
_bindctl() {
    local -a lines
    lines=("${(@f)$(bindctl --complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ ${lines[1]} == :files ]]; then
        _files
    elif (( ${#lines} )) && [[ -n ${lines[1]} ]]; then
        compadd -- "${lines[@]}"
    fi
}
if [[ ${funcstack[1]} == _bindctl ]]; then
    _bindctl "$@"
else
    compdef _bindctl bindctl
fi
"#;

const FISH: &str = r#"# fish completion of bindctl
function __bindctl_complete
    set -l before (commandline -opc)
    set -l word (commandline -ct)
    set -l lines (bindctl --complete -- $before[2..-1] "$word" 2>/dev/null)
    if test "$lines[1]" = ":files"
        __fish_complete_path "$word"
    else
        printf '%s\n' $lines
    end
end
complete -c bindctl -f -a '(__bindctl_complete)'
"#;

/// The script for a shell; none for what is no shell.
pub(crate) fn script(shell: Generate) -> Option<&'static str> {
    match shell {
        Generate::Bash => Some(BASH),
        Generate::Zsh => Some(ZSH),
        Generate::Fish => Some(FISH),
        Generate::Man => None,
    }
}
