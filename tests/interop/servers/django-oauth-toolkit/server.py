"""django-oauth-toolkit as an authorization server with one user and one client, on a database of SQLite.

The whole protocol is the library's, and so are the pages, but for the one that asks for the password.

    python server.py FOLDER PORT

Everything that outlives a restart is in FOLDER.
"""

import pathlib
import sys

import django
from django.conf import settings
from django.core.management import call_command
from django.urls import include, path
from jwcrypto import jwk

folder, port = pathlib.Path(sys.argv[1]), int(sys.argv[2])
origin = f"http://127.0.0.1:{port}"

LOGIN_PAGE = """<!doctype html><html lang="en"><head><title>Log in</title></head><body>
<form method="post">{% csrf_token %}{{ form.non_field_errors }}{{ form.as_p }}<button>Log in</button></form></body></html>"""


def kept(name, make):
    """The text in the file `name`, made by `make` the first time."""
    file = folder / name
    if not file.exists():
        file.write_text(make())
    return file.read_text()


settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "database.sqlite3"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "oauth2_provider",
    ],
    LOGIN_URL="/login/",
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    OAUTH2_PROVIDER={
        "ACCESS_TOKEN_EXPIRE_SECONDS": 10,
        "ALLOWED_REDIRECT_URI_SCHEMES": ["com.example.hallpass"],
        "OAUTH2_VALIDATOR_CLASS": "claims.Validator",
        "OIDC_ENABLED": True,
        "OIDC_ISS_ENDPOINT": f"{origin}/o",
        "OIDC_RP_INITIATED_LOGOUT_ENABLED": True,
        "OIDC_RSA_PRIVATE_KEY": kept("key.pem", lambda: jwk.JWK.generate(kty="RSA", size=2048).export_to_pem(True, None).decode()),
        "REFRESH_TOKEN_REUSE_PROTECTION": True,
        "ROTATE_REFRESH_TOKEN": True,
        "SCOPES": {"openid": "Know who you are", "profile": "Know your name"},
    },
    ROOT_URLCONF=__name__,
    SECRET_KEY=kept("secret", lambda: jwk.JWK.generate(kty="oct", size=256).export()),
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                ],
                "loaders": [
                    ("django.template.loaders.locmem.Loader", {"registration/login.html": LOGIN_PAGE}),
                    "django.template.loaders.app_directories.Loader",
                ],
            },
        }
    ],
    USE_TZ=True,
)
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402 (needs the settings)
from django.contrib.auth.views import LoginView  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402
from oauth2_provider.models import get_application_model, get_refresh_token_model  # noqa: E402


@csrf_exempt
def sign_out(request):
    """What the administrator does: revokes every refresh token of everybody."""
    for token in get_refresh_token_model().objects.filter(revoked__isnull=True):
        token.revoke()
    return HttpResponse(status=204)


urlpatterns = [
    path("login/", LoginView.as_view()),
    path("admin/sign-out", sign_out),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
]


def fill():
    """The user and the client, the first time."""
    user, is_new = get_user_model().objects.get_or_create(username="ada", first_name="Ada", last_name="Lovelace")
    if is_new:
        user.set_password("correct horse")
        user.save()
    application = get_application_model()
    application.objects.get_or_create(
        client_id="hallpass-app",
        defaults={
            "name": "Hallpass",
            "client_type": application.CLIENT_PUBLIC,
            "authorization_grant_type": application.GRANT_AUTHORIZATION_CODE,
            "redirect_uris": "com.example.hallpass:/callback",
            "post_logout_redirect_uris": "com.example.hallpass:/logged-out",
            "algorithm": application.RS256_ALGORITHM,
        },
    )


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    fill()
    call_command("runserver", f"127.0.0.1:{port}", use_reloader=False)
