"""IAM: role and its inline policies."""

import contextlib
from typing import ClassVar

from local.engine.aws import Aws, exists, ignore_not_found, tag_list
from local.engine.handlers.base import Handler, Inputs, Outputs, handles


@handles("aws:iam/role:Role")
class Role(Handler):
    """`aws:iam/role:Role`."""

    replace_on: ClassVar[frozenset[str]] = frozenset({"name", "path"})

    def create(self, aws: Aws, name: str, inputs: Inputs) -> tuple[str, Outputs]:
        iam = aws.client("iam")
        name = inputs.get("name") or name
        with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_role(
                RoleName=name,
                AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
                Path=inputs.get("path") or "/",
                Description=inputs.get("description") or "",
                Tags=tag_list(inputs.get("tags")),
            )
        return name, self._outputs(aws, name, inputs)

    def update(self, aws: Aws, id_: str, old: Inputs, new: Inputs, outputs: Outputs) -> Outputs:
        aws.client("iam").update_assume_role_policy(RoleName=id_, PolicyDocument=new["assumeRolePolicy"])
        return self._outputs(aws, id_, new)

    def exists(self, aws: Aws, id_: str, outputs: Outputs) -> bool:
        return exists(lambda: aws.client("iam").get_role(RoleName=id_))

    def delete(self, aws: Aws, id_: str, outputs: Outputs) -> None:
        ignore_not_found(aws.client("iam").delete_role, RoleName=id_)

    @staticmethod
    def _outputs(aws: Aws, name: str, inputs: Inputs) -> Outputs:
        role = aws.client("iam").get_role(RoleName=name)["Role"]
        return {**inputs, "name": name, "arn": role["Arn"], "uniqueId": role["RoleId"]}


@handles("aws:iam/rolePolicy:RolePolicy")
class RolePolicy(Handler):
    """`aws:iam/rolePolicy:RolePolicy`; its id is `role:policy`, as the provider's."""

    replace_on: ClassVar[frozenset[str]] = frozenset({"name", "role"})

    def create(self, aws: Aws, name: str, inputs: Inputs) -> tuple[str, Outputs]:
        name = inputs.get("name") or name
        aws.client("iam").put_role_policy(RoleName=inputs["role"], PolicyName=name, PolicyDocument=inputs["policy"])
        return f"{inputs['role']}:{name}", {**inputs, "name": name}

    def update(self, aws: Aws, id_: str, old: Inputs, new: Inputs, outputs: Outputs) -> Outputs:
        return self.create(aws, outputs["name"], new)[1]

    def exists(self, aws: Aws, id_: str, outputs: Outputs) -> bool:
        role, _, name = id_.partition(":")
        return exists(lambda: aws.client("iam").get_role_policy(RoleName=role, PolicyName=name))

    def delete(self, aws: Aws, id_: str, outputs: Outputs) -> None:
        role, _, name = id_.partition(":")
        ignore_not_found(aws.client("iam").delete_role_policy, RoleName=role, PolicyName=name)
