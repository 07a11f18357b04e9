import { formatSize } from "../../../client/index.ts";
import { createChecklist } from "../../cluster/checklist.ts";
import { command } from "../../command.ts";
import { errorLine } from "../../report.ts";
import { profileName } from "../profile.ts";

export const status = command({
  noun: "cluster",
  verb: "status",
  summary: "Check whether the cluster of the profile works",
  run: async (_input, io) => {
    const profile = io.globals.cluster ?? (await profileName(io)) ?? "none";
    const list = createChecklist(io.stderr, io.env);
    list.headline(`📝 Running cluster status checks with profile ${profile}`);
    // Results are shown in every mode: they are what this command is for.
    try {
      list.progress("    Checking the SC");
      const client = await io.connect();
      const admin = client.admin();
      list.headline("    ✅ SC is ok");
      const spus = await admin.listSpus([], { signal: io.signal });
      const online = spus.filter((spu) => spu.status.resolution === "online").length;
      if (online === 0) list.headline("    ❌ No SPUs are online");
      else list.headline(`    ${online === spus.length ? "✅" : "🟡"} (${online}/${spus.length}) SPUs are online`);
      const topics = await admin.listTopics([], { signal: io.signal });
      const partitions = await admin.listPartitions({ signal: io.signal });
      const sizeBytes = partitions.reduce((sum, one) => sum + Math.max(0, one.status.size), 0);
      list.headline(
        topics.length === 0
          ? "    🟡 No topics present"
          : `    ✅ ${topics.length} topic(s) using ${formatSize(sizeBytes)}`,
      );
      return online === spus.length && online > 0 ? 0 : 1;
    } catch (error) {
      list.headline(`    ❌ Unable to reach cluster on profile ${profile}`);
      io.stderr.print(`    ${errorLine(error)}`);
      return 1;
    } finally {
      list.end();
    }
  },
});
