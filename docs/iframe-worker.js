/* The search runs in a worker, which a page opened as a file may not start: there the worker's script runs in a frame.
   mkdocs-material's plugin `offline` would load a script for that from elsewhere. */
if (location.protocol === "file:") {
  window.IFrameWorker = window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      const inside = frame.contentWindow;
      inside.document.open();
      inside.document.write("<!doctype html><head></head>");
      inside.document.close();
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      const script = inside.document.createElement("script");
      script.src = url;
      const ready = new Promise((resolve) => script.addEventListener("load", resolve));
      this.postMessage = (data) => ready.then(() => inside.dispatchEvent(new MessageEvent("message", { data })));
      inside.document.head.append(script);
    }
  };
}
