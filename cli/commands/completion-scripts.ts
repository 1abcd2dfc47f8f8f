/** Shells that completion can be had for. */
export const shells = ['bash', 'zsh', 'fish'] as const;

/** One of them. */
export type Shell = (typeof shells)[number];

/**
 * The script that a shell loads. It holds no names itself: at each Tab it asks `bantam __complete`, whose first line says `files` or `names` and each
 * other one `candidate<Tab>description`. Candidates are data for the shell all the way: nothing of them is ever evaluated, and what bash would insert
 * as it is, is quoted first.
 */
export const completionScripts: Readonly<Record<Shell, string>> = {
  bash: String.raw`# bantam completion for bash (3.2 or newer): source <(bantam completion bash)
_bantam() {
  local rest="${'$'}{COMP_LINE:0:COMP_POINT}" word line value current prefix answered kind=names
  local -a words=()
  local i
  # bash has cut the line at : and = too; what no blank separates is one word.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word="${'$'}{COMP_WORDS[i]}"
    ((i == COMP_CWORD)) && word="${'$'}{rest#"${'$'}{rest%%[![:space:]]*}"}"
    if ((i == 0)) || [[ "$rest" == [[:space:]]* || -z "$rest" ]]; then
      words+=("$word")
    else
      words[${'$'}{#words[@]}-1]+="$word"
    fi
    rest="${'$'}{rest#"${'$'}{rest%%[![:space:]]*}"}"
    rest="${'$'}{rest#"$word"}"
  done
  current="${'$'}{words[${'$'}{#words[@]}-1]}"
  prefix="${'$'}{current%"${'$'}{current##*[=:]}"}"
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ -z "$answered" ]]; then
      answered=yes kind="$line"
      continue
    fi
    value="${'$'}{line%%$'\t'*}"
    [[ "$value" == "$current"* ]] || continue
    value="${'$'}{value#"$prefix"}"
    [[ "$value" == *[!A-Za-z0-9_./:@%+,=-]* ]] && printf -v value %q "$value"
    COMPREPLY+=("$value")
  done < <(command bantam __complete -- "${'$'}{words[@]:1}" 2>/dev/null)
  if [[ "$kind" == files ]]; then
    compopt -o default 2>/dev/null && return
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "${'$'}{current#"$prefix"}")
  fi
}
complete -F _bantam bantam
`,
  zsh: String.raw`#compdef bantam
# bantam completion for zsh: source <(bantam completion zsh) after compinit, or save it as _bantam in a folder of $fpath
_bantam() {
  local line kind=
  local -a asked values shown
  asked=("${'$'}{(@Q)words[2,CURRENT-1]}" "$PREFIX")
  while IFS= read -r line; do
    if [[ -z "$kind" ]]; then
      kind="$line"
      continue
    fi
    values+=("${'$'}{line%%$'\t'*}")
    if [[ "$line" == *$'\t'?* ]]; then
      shown+=("${'$'}{line%%$'\t'*}  -- ${'$'}{line#*$'\t'}")
    else
      shown+=("$line")
    fi
  done < <(command bantam __complete -- "${'$'}{(@)asked}" 2>/dev/null)
  if [[ "$kind" == files ]]; then
    _files
  elif ((${'$'}#values)); then
    compadd -l -d shown -a values
  else
    return 1
  fi
}
if [[ "${'$'}{funcstack[1]-}" == _bantam ]]; then
  _bantam "$@"
else
  compdef _bantam bantam
fi
`,
  fish: String.raw`# bantam completion for fish: bantam completion fish > ~/.config/fish/completions/bantam.fish
function __bantam_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l answer (command bantam __complete -- $words[2..-1] 2>/dev/null)
    if test "$answer[1]" = files
        __fish_complete_path (commandline -ct)
    else
        printf '%s\n' $answer[2..-1]
    end
end
complete -c bantam -f -a '(__bantam_complete)'
`,
};
