"""When an image cannot be pushed because its tag is taken, what can be done about it."""

import pulumi


def tag_conflict_hook(name: str) -> pulumi.ResourceHookBinding:
    """Hooks for an image: an immutable tag that is taken, which a lost state leads to, is told with the ways out."""
    return pulumi.ResourceHookBinding(on_error=[pulumi.ErrorHook(f"{name}-tag-taken", report_tag_conflict)])


def report_tag_conflict(args: pulumi.ErrorHookArgs) -> bool:
    """Never asks for another attempt: the tag would still be there."""
    tags = (args.new_inputs or {}).get("tags") or []
    if tags and args.errors and taken(args.errors[0]):
        pulumi.log.error(tag_conflict_help(tags[0]))
    return False


def taken(error: str) -> bool:
    """Whether ECR refused the push because the tag exists and cannot be moved."""
    return "already exists" in error and "immutable" in error


def tag_conflict_help(image: str) -> str:
    """What to do about an image, as HOST/REPOSITORY:TAG, that is in the registry but not in this stack's state."""
    repository, _, tag = image.rpartition(":")
    name = repository.partition("/")[2]
    return (
        f"{image} is in the registry already, from a deployment whose state is gone or that was cut short. Its tag is "
        "a hash of all that it was built from, so it is the image that you want.\n"
        f"To run it as it is: pulumi config set imageUri {image}\n"
        f"To build it anew: aws ecr batch-delete-image --repository-name {name} --image-ids imageTag={tag}"
    )
