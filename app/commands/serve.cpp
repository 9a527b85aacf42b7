// inglenook serve: its place.
#include "app/commands/command.h"
#include "app/commands/output.h"

namespace app {

int runServe(const std::vector<std::string>&) {
    complain("This version of Inglenook has no server yet. Use the desktop, or inglenook chat.");
    return kWrongUsage;
}

} // namespace app
