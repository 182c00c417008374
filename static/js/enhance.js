// Everything here also works without JavaScript; this only saves a reload.
// Close the appeal: the form posts in the background and the panel goes away at once.
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

// Copy the article's address. The plain link beside it stays where there is no clipboard.
if (navigator.clipboard) {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      const said = button.textContent;
      button.textContent = button.dataset.copied;
      setTimeout(() => { button.textContent = said; }, 2000);
    });
  }
}
