"""Headers of the web pages: what they may load, and that no other page may frame them."""


def security_headers(*, scripts: str = "", styles: str = "", images: str = "") -> dict[str, str]:
    """Headers of a page that loads, runs and requests the service's own files, and further sources as in a CSP."""
    sources = {"script-src": scripts, "style-src": styles, "img-src": images, "connect-src": ""}
    own = [" ".join(filter(None, (name, "'self'", further))) for name, further in sources.items()]
    policy = ["default-src 'none'", *own, "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"]
    return {
        "content-security-policy": "; ".join(policy),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-cache",
    }
