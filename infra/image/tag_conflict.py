"""The error hook for a push that the registry rejects because the immutable tag exists."""

import pulumi


def tag_conflict_hook(name: str) -> pulumi.ResourceHookBinding:
    """A hook for an image that reports what to do when its immutable tag exists already, as after a lost state."""
    return pulumi.ResourceHookBinding(on_error=[pulumi.ErrorHook(f"{name}-tag-taken", report_tag_conflict)])


def report_tag_conflict(args: pulumi.ErrorHookArgs) -> bool:
    """Log the help for a tag conflict; False, since a retry would fail again."""
    tags = (args.new_inputs or {}).get("tags") or []
    if tags and args.errors and is_tag_conflict(args.errors[0]):
        pulumi.log.error(tag_conflict_help(tags[0]))
    return False


def is_tag_conflict(error: str) -> bool:
    """Whether ECR rejected the push because the tag exists and is immutable."""
    return "already exists" in error and "immutable" in error


def tag_conflict_help(image: str) -> str:
    """What to do about an image, HOST/REPOSITORY:TAG, that is in the registry but not in this stack's state."""
    repository, _, tag = image.rpartition(":")
    name = repository.partition("/")[2]
    return (
        f"{image} is in the registry already, from a deployment whose state is lost or that was interrupted. Its tag "
        "is a hash of the build's inputs: it is the image that this deployment would build.\n"
        f"To run it: pulumi config set imageUri {image}\n"
        f"To build it again: aws ecr batch-delete-image --repository-name {name} --image-ids imageTag={tag}"
    )
