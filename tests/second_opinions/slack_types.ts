// What Mailroom sends to Slack, in Slack's own types; `npm run schema` makes slack_types.schema.json of it.
import type { HomeView, KnownBlock, ModalView } from "@slack/types";

export interface Surfaces {
  modal: ModalView;
  home: HomeView;
  message: KnownBlock[];
}
