// Close the appeal without a reload. Without JavaScript the same form posts and comes back.
document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-close]");
  if (!form) return;
  event.preventDefault();
  const panel = form.closest("[data-closable]");
  const next = panel.nextElementSibling || document.getElementById("main");
  panel.hidden = true;
  next.setAttribute("tabindex", "-1");
  next.focus({ preventScroll: true });
  try {
    await fetch(form.action, { method: "POST", body: new FormData(form), redirect: "manual", keepalive: true });
  } catch {
    panel.hidden = false; // could not be remembered: show it again rather than pretend
  }
});
