// SPDX-License-Identifier: GPL-2.0-only
#include "arguments.h"
#include "completion.h"
#include "verbs.h"

namespace remap::ctl {

void add_completion(CLI::App& app, Selected& selected) {
    auto shell = std::make_shared<std::string>();
    CLI::App* sub = app.add_subcommand("completion", "Write the completion script for a shell")
                        ->group(group_more);
    choice(sub->add_option("SHELL", *shell, "Shell to write it for"), {"bash", "zsh"})->required();
    sub->footer("Packages bring both. By hand, for the present shell: source <(remapctl completion "
                "bash)");
    sub->callback([&app, &selected, shell] {
        selected.run = [&app, shell](Context& context) {
            const VerbModel program = describe_command_line(app);
            const std::string script =
                *shell == "zsh" ? zsh_completion(program) : bash_completion(program);
            context.print(script);
            context.set("completion", {{"shell", *shell}, {"script", script}});
            return 0;
        };
    });
}

} // namespace remap::ctl
