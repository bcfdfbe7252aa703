# What zsh offers when Tab is pressed behind a line: completion.zsh DIRECTORY LINE
#
# DIRECTORY holds the function `_bindctl`. A shell on a terminal of its own presses the key; `compadd`, by which functions
# of completion offer words, prints those that fit.
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PROMPT= PS2= TERM=dumb fpath=($1 \$fpath); autoload -U compinit; compinit -D -u; bindkey '^I' complete-word"
zpty -w shell 'compadd() { local -a found; builtin compadd -A found "$@"; print -rl -- "" ">>"$^found }'
zpty -w shell '_files() { print -rl -- "" ">>:files" }; finish() { print -rl -- "" "<<"; exit }; comppostfuncs=(finish)'
zpty -w -n shell "$2"$'\t'
while zpty -r shell line '*'$'\n'; do
    line=${line%%$'\r'*}
    case $line in
        '>>'*) print -r -- "${line#>>}" ;;
        '<<'*) break ;;
    esac
done
zpty -d shell
