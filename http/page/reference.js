/* The validator would send the description to another host. */
window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#reference",
  validatorUrl: null,
  deepLinking: true,
  defaultModelsExpandDepth: 0,
});
