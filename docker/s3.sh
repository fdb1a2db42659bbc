#!/bin/sh
# Starts SeaweedFS with one user, whose key may do what POLICY says and nothing else; without any user it would let
# everybody in.
#     s3.sh mini -dir=/data ...          in /data; ACCESS_KEY, SECRET_KEY and POLICY in the environment
set -eu
umask 077

users="${TMPDIR:-/tmp}/s3-users.json"
policy="$(tr -d '\n' <"$POLICY" | sed 's/\\/\\\\/g; s/"/\\"/g')"
cat >"$users" <<END
{
  "identities": [
    {
      "name": "vidpipe",
      "credentials": [{"accessKey": "$ACCESS_KEY", "secretKey": "$SECRET_KEY"}],
      "policyNames": ["vidpipe"]
    }
  ],
  "policies": [{"name": "vidpipe", "content": "$policy"}]
}
END
# A key in the environment would be let in beside it.
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY ACCESS_KEY SECRET_KEY
rm -f mini.options # what its last start was told, which it would go by
exec weed "$@" -s3.iam=false "-s3.config=$users"
