/** Panels that are columns on a wide screen and drawers on a small one. */

import { $, focusShown } from "./dom.js";

// As in layout.css.
const DRAWERS = [["sidebar", "(width < 43.75rem)"], ["members-panel", "(width < 56.25rem)"]];

/** @param {any} panel */
const isOpen = (panel) => panel.matches(":popover-open");

/** Keep each panel a drawer where the screen is small. */
export function servePanels() {
  for (const [id, query] of DRAWERS) {
    const panel = $(id);
    const small = matchMedia(query);
    const change = () => {
      if (small.matches) panel.setAttribute("popover", "auto");
      else panel.removeAttribute("popover");
    };
    small.addEventListener("change", change);
    change();
    panel.addEventListener("toggle", (/** @type {any} */ { newState }) => {
      if (newState === "open") focusShown(...panel.querySelectorAll("button, input, [tabindex]"));
    });
    closeOnLeave(panel);
  }
  closeOnLeave($("profile"));
  $("skip").addEventListener("click", (/** @type {Event} */ event) => {
    // The address stays as it is.
    event.preventDefault();
    $("messages").focus();
  });
}

/** The focus must not go on behind a panel. @param {any} panel */
function closeOnLeave(panel) {
  panel.addEventListener("focusout", (/** @type {any} */ { relatedTarget }) => {
    // A click on its button closes it too.
    const leaves = relatedTarget && relatedTarget.popoverTargetElement !== panel;
    if (leaves && isOpen(panel) && !panel.contains(relatedTarget)) panel.hidePopover();
  });
}

/** Close the drawers, after a choice in one of them. */
export function closePanels() {
  for (const [id] of DRAWERS) if (isOpen($(id))) $(id).hidePopover();
}
