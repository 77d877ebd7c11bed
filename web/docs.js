// Starts Swagger UI (web/vendor/swagger-ui) on the document of this server. Nothing is asked of any other host.
"use strict";

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger",
  deepLinking: true,
  validatorUrl: null,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  // It makes a <main> of its own within that of the page, and a page has one.
  onComplete: () => document.querySelector("#swagger main")?.setAttribute("role", "none"),
});
