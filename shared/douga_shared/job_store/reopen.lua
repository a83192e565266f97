-- ARGV: seconds to live, then the indexes.

local total = known_total()
if not total then
    return
end
local done, failed = 0, 0
for i = 2, #ARGV do
    local index = ARGV[i]
    if is_recorded(index, total) then
        if redis.call('GETBIT', DONE, index) == 1 then
            redis.call('SETBIT', DONE, index, 0)
            done = done + 1
        elseif redis.call('GETBIT', FAILED, index) == 1 then
            redis.call('SETBIT', FAILED, index, 0)
            redis.call('HDEL', DEAD, index)
            failed = failed + 1
        end
    end
end
if done + failed > 0 then
    redis.call('HINCRBY', JOB, 'done', -done)
    redis.call('HINCRBY', JOB, 'failed', -failed)
    uncomplete()
end
renew(ARGV[1])
