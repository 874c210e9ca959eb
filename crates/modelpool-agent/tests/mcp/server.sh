# A small MCP server for tests: one JSON object a line, in and out.
# $1 is a folder: the file `pids` there gets the ids of its processes, `said` what it was told, `grown` is
# there once its tools have changed.
sleep 1000 &
echo "$$" >>"$1/pids"
echo "$!" >>"$1/pids"

answer() { # id, result
    printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$1" "$2"
}

tool() { # name, more
    printf '{"name":"%s","inputSchema":{"type":"object","properties":{"text":{"type":"string"}}}%s}' "$1" "$2"
}

text() { # text, more
    printf '{"content":[{"type":"text","text":"%s"}]%s}' "$1" "$2"
}

case "$2" in
fail)
    echo "cannot start with token $TOKEN" >&2
    exit 1
    ;;
esac

while read -r line; do
    echo "$line" >>"$1/said"
    id=$(echo "$line" | sed -n 's/.*"id":\([0-9][0-9]*\).*/\1/p')
    token=$(echo "$line" | sed -n 's/.*"progressToken":\([0-9][0-9]*\).*/\1/p')
    case "$line" in
    *'"method":"initialize"'*)
        [ "$2" = silent ] && continue
        answer "$id" '{"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"test","version":"1"}}'
        ;;
    *'"method":"tools/list"'*'"cursor":"more"'*)
        more=""
        [ -e "$1/grown" ] && more=",$(tool grown '')"
        answer "$id" "{\"tools\":[$(tool die ''),$(tool grow ''),$(tool variables '')$more]}"
        ;;
    *'"method":"tools/list"'*)
        reads=$(tool echo ',"annotations":{"readOnlyHint":true}')
        destroys=$(tool hang ',"annotations":{"destructiveHint":true}')
        answer "$id" "{\"tools\":[$reads,$destroys,$(tool fail ''),$(tool steps ''),{\"name\":\"far\",\"inputSchema\":{\"\$ref\":\"https://example.com/far.json\"}}],\"nextCursor\":\"more\"}"
        ;;
    *'"name":"echo"'*) answer "$id" "$(text 'it heard you' '')" ;;
    *'"name":"hang"'*) ;;
    *'"name":"fail"'*) answer "$id" "$(text 'no such file' ',"isError":true')" ;;
    *'"name":"variables"'*) answer "$id" "$(text "$(env | sed 's/=.*//' | sort | tr '\n' ' ')" '')" ;;
    *'"name":"steps"'*)
        for step in 1 2; do
            printf '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%s,"progress":%s,"total":2}}\n' "$token" "$step"
        done
        # So that the progress is passed on while the call is under way.
        printf '{"jsonrpc":"2.0","id":"ping","method":"ping"}\n'
        read -r line
        answer "$id" "$(text 'both steps' '')"
        ;;
    *'"name":"grow"'*)
        : >"$1/grown"
        printf '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n'
        answer "$id" "$(text 'it grew' '')"
        ;;
    *'"name":"die"'*)
        echo "it dies" >&2
        exit 3
        ;;
    esac
done
