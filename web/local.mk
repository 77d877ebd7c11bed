# All templates of web/pages, and all that pages load: a new file is in the build by standing there (see configure.ac).
web_templates = @web_templates@
web_assets = @web_assets@

EXTRA_DIST += \
	$(web_templates) \
	$(web_assets) \
	web/vendor/renew \
	web/vendor/land/LICENSE \
	web/vendor/land/VERSION \
	web/vendor/land/draw.mjs \
	web/vendor/pico/LICENSE \
	web/vendor/pico/VERSION \
	web/vendor/swagger-ui/LICENSE \
	web/vendor/swagger-ui/LICENSE.bundle \
	web/vendor/swagger-ui/NOTICE \
	web/vendor/swagger-ui/VERSION
