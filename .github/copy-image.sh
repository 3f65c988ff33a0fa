#!/usr/bin/env bash
# Copy an image from one ECR repository to another and print its reference there; the digest stays the same.
#
#   copy-image.sh HOST/NAME:TAG@sha256:DIGEST HOST/NAME
#
# The copy does not expire with the images of the first repository, and tasks need no right to pull from there. Its tag
# is the model's version and the digest's first 12 digits: the tag of the first repository may be that of another build
# of the same sources, and tags are immutable. What is there already is not copied again.
set -euo pipefail
source=$1
target=$2
digest=${source##*@}
tagged=${source%@*}
tag=${tagged##*:}

if [ "${tagged%:*}" = "$target" ]; then
  echo "$source"
  exit 0
fi

# The parts of ACCOUNT.dkr.ecr.REGION.amazonaws.com.
part() { cut -d. -f"$2" <<<"$1"; }
log_in() { aws ecr get-login-password --region "$(part "$1" 4)" | skopeo login --username AWS --password-stdin "${1%%/*}" >&2; }

tag=${tag%%-*}-${digest:7:12}
if aws ecr describe-images --registry-id "$(part "$target" 1)" --region "$(part "$target" 4)" \
  --repository-name "${target#*/}" --image-ids "imageTag=$tag" >/dev/null 2>&1; then
  echo "$tag is in $target already." >&2
else
  log_in "$source"
  log_in "$target"
  skopeo copy --all --preserve-digests "docker://${tagged%:*}@$digest" "docker://$target:$tag" >&2
fi
echo "$target:$tag@$digest"
