#!/usr/bin/env bash
# stapes eval-grounding, with a random model: what it says is noise, how it is counted is tested. And the judge's client
# against our own server, whose random model gives no verdicts.
source "$(dirname "$0")/lib.sh"

eval_grounding=("$STAPES" eval-grounding --model "$MODEL" --count 2 --max-tokens 12 --budgets 0,4)
succeeds "${eval_grounding[@]}"
has out "Right answers, by what is heard" "count-notes" "loudness" "claims uncheckable" "follow the thought" "no limit" "it denies:" \
  "2 examples per task, test split, seed 1"
has err "the tasks about speech are left out"
! grep -q "judge" out || failed "a judge that nobody named"
cp out first
succeeds "${eval_grounding[@]}"
diff first out || failed "the same evaluation came out otherwise"

succeeds "${eval_grounding[@]}" --task loudness --json --details replies.jsonl
has out '"clip_less_silence"' '"budgets"' '"mean_thinking_tokens"' '"funnel"'
! grep -q count-notes out || failed "a task that was not named was asked"
has replies.jsonl '"condition":"clip"' '"condition":"silence"' '"condition":"other-clip"' '"condition":"transcript"' \
  '"condition":"budget"' '"grounding":{"stage":'
(($(wc -l <replies.jsonl) == 14)) || failed "expected 2 x 6 replies and 2 about hearing, got $(wc -l <replies.jsonl)"

# Parts alone.
succeeds "${eval_grounding[@]}" --only tasks --task loudness
! grep -q "it denies" out || failed "it was asked whether it hears"
succeeds "${eval_grounding[@]}" --only self-cognition --details hearing.jsonl
has out "it denies:" "2 questions, test split, seed 1, greedy"
! grep -q "Right answers" out || failed "tasks were asked"
(($(wc -l <hearing.jsonl) == 2)) || failed "expected 2 replies, got $(wc -l <hearing.jsonl)"
fails 64 "self-cognition" "${eval_grounding[@]}" --only nothing
fails 64 "--task says nothing" "${eval_grounding[@]}" --only self-cognition --task loudness
fails 64 "temperature from 0" "${eval_grounding[@]}" --temperature -1

fails 64 "sing" "${eval_grounding[@]}" --task sing
fails 64 "sum" "${eval_grounding[@]}" --task sum
fails 64 "-3" "${eval_grounding[@]}" --budgets=-3
fails 64 "got 0" "$STAPES" eval-grounding --model "$MODEL" --count 0
fails 66 "no-such-folder" "${eval_grounding[@]}" --digits no-such-folder
fails 74 "no-such-folder/x" "${eval_grounding[@]}" --details no-such-folder/x
fails 64 "URL" "${eval_grounding[@]}" --judge nowhere
fails 64 "NO_SUCH_KEY" "${eval_grounding[@]}" --judge http://127.0.0.1:1/v1 --judge-key NO_SUCH_KEY

# A judge that is not there: said and counted, or an error where the verdict is wanted.
judged=("${eval_grounding[@]}" --task loudness --judge-votes 1)
succeeds "${judged[@]}" --judge http://127.0.0.1:1/v1
has out "The judge's verdicts" "without a verdict"
fails 74 "no verdict from the judge" "${judged[@]}" --judge http://127.0.0.1:1/v1 --judge-must-decide

# Our own server: asked, answered, and no verdict found in what its small model says. (The random model's context is too
# short for the rubric, which is said, too.)
"$STAPES" serve --port 0 --model "$SOURCE/models/tiny" 2>serve.log &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$work"' EXIT
for ((i = 0; i < 600; ++i)); do
  grep -q "Ctrl-C ends it" serve.log && break
  sleep 0.1
done
url=$(grep -oE 'http://127\.0\.0\.1:[0-9]+' serve.log | head -n 1)
[[ -n $url ]] || failed "the server said no URL: $(cat serve.log)"
succeeds "${judged[@]}" --judge "$url/v1" --judge-model random
has out "The judge's verdicts"
fails 74 "holds no verdict" "${judged[@]}" --judge "$url/v1" --judge-must-decide
grep -q '/v1/chat/completions.* 200' serve.log || failed "the server was not asked: $(tail -n 3 serve.log)"
