// Runs before the page is drawn: says that scripts are on, so that parts which need them may show.
document.documentElement.classList.add("js");
