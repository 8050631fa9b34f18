"""`tokenmill completion`: the script by which a shell completes commands, options, recipes, keys and folders.

The script asks the program itself, by Click's protocol: the words of the line go in, a completion a line comes out. It
differs from Click's own scripts in that no blank is set behind a key's `=` and a folder's `/`.
"""

import re

import click

COMPLETING = "_TOKENMILL_COMPLETE"
"""The variable by which the script asks."""
_PROGRAMS = {"tokenmill": COMPLETING, "tokenmill-trainer": "_TOKENMILL_TRAINER_COMPLETE"}

_BASH = """\
%(function)s() {
    local IFS=$'\\n' completion type value
    COMPREPLY=()
    # A value behind KEY= is nobody's to guess.
    [[ ${COMP_WORDS[COMP_CWORD]} == = || ${COMP_WORDS[COMP_CWORD-1]} == = ]] && return
    for completion in $(COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD %(variable)s=bash_complete "$1"); do
        IFS=',' read -r type value <<< "$completion"
        case $type,$value in
            dir,*) compopt -o dirnames ;;
            file,*) compopt -o default ;;
            *,*=) compopt -o nospace; COMPREPLY+=("$value") ;;
            *,*/) compopt -o filenames -o nospace; COMPREPLY+=("${value%%/}") ;;
            *) COMPREPLY+=("$value") ;;
        esac
    done
}
complete -o nosort -F %(function)s %(program)s
"""
_ZSH = """\
#compdef %(program)s
%(function)s() {
    local -a response described
    local type value text
    response=("${(@f)$(COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) %(variable)s=zsh_complete %(program)s)}")
    for type value text in ${response}; do
        case $type:$value:$text in
            dir:*) _path_files -/ ;;
            file:*) _path_files -f ;;
            *:*[=/]:_) compadd -U -S '' -- "$value" ;;
            *:*:_) compadd -U -- "$value" ;;
            *) described+=("$value:$text") ;;
        esac
    done
    (( $#described )) && _describe -V unsorted described -U
}
compdef %(function)s %(program)s
"""
_FISH = """\
function %(function)s
    set -l words (commandline -cp)
    for completion in (COMP_WORDS=$words COMP_CWORD=(commandline -t) %(variable)s=fish_complete %(program)s)
        set -l parts (string split -m 1 "," $completion)
        switch $parts[1]
            case dir
                __fish_complete_directories $parts[2]
            case file
                __fish_complete_path $parts[2]
            case '*'
                echo $parts[2]
        end
    end
end
complete --no-files --command %(program)s --arguments "(%(function)s)"
"""
_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def script(shell: str) -> str:
    """What the shell is to read, for `tokenmill` and for `tokenmill-trainer`."""
    return "\n".join(
        _SCRIPTS[shell] % {"program": program, "variable": variable, "function": f"_{re.sub('-', '_', program)}"}
        for program, variable in _PROGRAMS.items()
    )


@click.command()
@click.argument("shell", type=click.Choice(list(_SCRIPTS)))
def completion(shell: str) -> None:
    """Print the script by which a shell completes commands, options, recipes, keys of --set, stages and folders.

    \b
    Example: tokenmill completion bash

    To have it in each new shell, do once:

    \b
    bash   tokenmill completion bash > ~/.local/share/bash-completion/completions/tokenmill
           or, without the package bash-completion: echo 'eval "$(tokenmill completion bash)"' >> ~/.bashrc
    zsh    echo 'eval "$(tokenmill completion zsh)"' >> ~/.zshrc    (behind compinit)
    fish   tokenmill completion fish > ~/.config/fish/completions/tokenmill.fish
    """
    click.echo(script(shell), nl=False)
