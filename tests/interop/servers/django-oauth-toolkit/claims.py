"""What is told about a user."""

from oauth2_provider.oauth2_validators import OAuth2Validator


class Validator(OAuth2Validator):
    # Whatever the scope: the name is told in the ID token and by the userinfo endpoint.
    oidc_claim_scope = None

    def get_additional_claims(self, request):
        return {"name": request.user.get_full_name()}
